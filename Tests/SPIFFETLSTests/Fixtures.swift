import FoundationEssentials
import NIOSSL
import SPIFFE
import SPIFFETLS
import SwiftASN1
import Synchronization
import TestSupport
import X509

/// An identity that the test replaces or takes away.
final class RotatingSource: X509SVIDSource {
    struct Withdrawn: Error {}

    private let identity: Mutex<X509Identity?>

    init(_ identity: X509Identity?) {
        self.identity = Mutex(identity)
    }

    func current() throws -> X509Identity {
        guard let identity = self.identity.withLock({ $0 }) else { throw Withdrawn() }
        return identity
    }

    func rotate(to identity: X509Identity?) {
        self.identity.withLock { $0 = identity }
    }
}

/// A certificate chain and its key, whether or not they are an SVID.
struct Credentials: Sendable {
    let chain: [Certificate]
    let keyPKCS8DER: [UInt8]

    init(chain: [Certificate], keyPKCS8DER: [UInt8]) {
        self.chain = chain
        self.keyPKCS8DER = keyPKCS8DER
    }

    init(_ svid: X509SVID) {
        self.chain = svid.certificates
        self.keyPKCS8DER = svid.privateKeyPKCS8DER
    }

    /// A leaf of the authority that `customise` may break.
    init(
        of authority: TestAuthority, id: String, lifetime: Duration = .seconds(3_600),
        customise: (inout TestCertificate) throws -> Void = { _ in }
    ) throws {
        let (leaf, key) = try authority.issue(id: id, lifetime: lifetime, customise: customise)
        self.chain = [leaf]
        self.keyPKCS8DER = key
    }

    /// Writes `name.pem` and `name.key` and returns their paths.
    func write(to directory: TemporaryDirectory, as name: String) throws -> (certificates: String, key: String) {
        let certificates = try directory.write(Array(self.chain.pem.utf8), to: "\(name).pem")
        let key = PEMDocument(type: "PRIVATE KEY", derBytes: self.keyPKCS8DER).pemString
        return (certificates, try directory.write(Array(key.utf8), to: "\(name).key"))
    }
}

extension [Certificate] {
    var pem: String {
        get throws { try self.map { try $0.serializeAsPEM().pemString }.joined(separator: "\n") }
    }
}

/// The usual two services of the usual trust domain.
struct Fixture: Sendable {
    static let paymentsID = "spiffe://example.org/payments"
    static let ordersID = "spiffe://example.org/orders"

    let authority: TestAuthority
    let payments: RotatingSource
    let orders: RotatingSource
    let time = ManualInstants()

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
        self.payments = RotatingSource(try self.authority.x509Identity(id: Self.paymentsID))
        self.orders = RotatingSource(try self.authority.x509Identity(id: Self.ordersID))
    }

    /// What a service holds that was given this SVID.
    func identity(_ svid: X509SVID) -> X509Identity {
        X509Identity(svid: svid, bundles: TrustBundles([self.authority.bundle]))
    }

    var now: @Sendable () -> Date {
        let time = self.time
        return { time.now }
    }

    /// What `payments` serves with: any member of its trust domain may call, unless told otherwise.
    func server(
        _ source: (any X509SVIDSource)? = nil, policy: PeerPolicy? = nil, minimumVersion: MinimumTLSVersion = .tlsv13,
        clientAuthentication: ClientAuthentication = .required
    ) -> SPIFFETLSContexts {
        SPIFFETLSContexts(
            source: source ?? self.payments, policy: policy ?? .memberOf(self.authority.trustDomain), now: self.now,
            minimumVersion: minimumVersion, clientAuthentication: clientAuthentication)
    }

    /// What `orders` calls with: it expects `payments`, unless told otherwise.
    func client(_ source: (any X509SVIDSource)? = nil, policy: PeerPolicy? = nil) throws -> SPIFFETLSContexts {
        SPIFFETLSContexts(
            source: source ?? self.orders, policy: policy ?? .exactly(id(Self.paymentsID)),
            now: self.now)
    }
}

/// An ID that the test writes down.
func id(_ uri: String) -> SPIFFEID {
    do { return try SPIFFEID(parsing: uri) } catch { preconditionFailure("\(uri): \(error)") }
}
