import FoundationEssentials
import SPIFFE
import SPIFFEFederation
import TestSupport
import X509

/// A certificate authority of the Web, a foreign trust domain, and servers of both.
struct Fixtures {
    /// TLS libraries judge certificates of the Web by the machine's own clock.
    let web: TestAuthority
    let foreign: TestAuthority
    let endpointID: SPIFFEID

    init() throws {
        self.web = try TestAuthority(trustDomain: "web.test", now: Date())
        self.foreign = try TestAuthority(trustDomain: "foreign.test", now: Date())
        self.endpointID = try SPIFFEID(parsing: "spiffe://foreign.test/spire/server")
    }

    var trustDomain: TrustDomain { self.foreign.trustDomain }

    /// A server certificate of the Web for localhost, 127.0.0.1 or other names.
    func webIdentity(
        of authority: TestAuthority? = nil, names: [String] = ["localhost"], address: [UInt8]? = nil,
        customise: (inout TestCertificate) -> Void = { _ in }
    ) throws -> ScriptedEndpoint.Identity {
        let (certificate, key) = try (authority ?? self.web).issue(id: "") {
            $0.uriNames = []
            $0.dnsNames = names
            // SEQUENCE of one iPAddress.
            if let address { $0.rawSubjectAlternativeName = [0x30, 0x06, 0x87, 0x04] + address }
            customise(&$0)
        }
        return ScriptedEndpoint.Identity(chain: [certificate], keyPKCS8DER: key)
    }

    func spiffeIdentity(
        of authority: TestAuthority? = nil, id: String = "spiffe://foreign.test/spire/server",
        customise: (inout TestCertificate) -> Void = { _ in }
    ) throws -> ScriptedEndpoint.Identity {
        let (certificate, key) = try (authority ?? self.foreign).issue(id: id, customise: customise)
        return ScriptedEndpoint.Identity(chain: [certificate], keyPKCS8DER: key)
    }

    func webEndpoint(_ port: Int, host: String = "localhost", target: String = "/b") throws -> BundleEndpoint {
        BundleEndpoint(
            trustDomain: self.trustDomain, url: try BundleEndpointURL("https://\(host):\(port)\(target)"),
            profile: .httpsWeb)
    }

    func spiffeEndpoint(_ port: Int, host: String = "localhost", target: String = "/b") throws -> BundleEndpoint {
        BundleEndpoint(
            trustDomain: self.trustDomain, url: try BundleEndpointURL("https://\(host):\(port)\(target)"),
            profile: .httpsSPIFFE(endpointID: self.endpointID))
    }

    /// A client that trusts the authority of the Web.
    func client(followsRedirections: Bool = true, timeout: Duration = .seconds(20)) -> BundleEndpointClient {
        BundleEndpointClient(
            webRoots: [self.web.certificate], followsRedirections: followsRedirections, timeout: timeout)
    }
}
