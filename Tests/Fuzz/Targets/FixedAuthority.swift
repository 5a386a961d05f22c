import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import X509

/// An authority of `example.org` whose keys are the same in every run, so that an input means the same in every run.
struct FixedAuthority: Sendable {
    /// 2026-01-01 00:00:00 UTC, as in most vectors.
    static let now = Date(timeIntervalSince1970: 1_767_225_600)

    let trustDomain: TrustDomain
    let certificate: Certificate
    let tokenKey: P256.Signing.PrivateKey
    let leafKey: P256.Signing.PrivateKey
    // Ed25519 signs the same the same way.
    private let key: Curve25519.Signing.PrivateKey

    init() throws {
        self.trustDomain = try TrustDomain(parsing: "example.org")
        self.key = try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 1, count: 32))
        self.tokenKey = try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 2, count: 32))
        self.leafKey = try P256.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 3, count: 32))
        var contents = TestCertificate(now: Self.now, lifetime: .seconds(86_400))
        contents.subject = try DistinguishedName { OrganizationName("example.org") }
        contents.serialNumber = Certificate.SerialNumber(bytes: [1])
        contents.uriNames = [self.trustDomain.id.uri]
        contents.becomeSigning()
        self.certificate = try contents.certificate(
            publicKey: .init(self.key.publicKey), keyIdentifier: [1], issuer: contents.subject,
            issuerKey: .init(self.key), issuerKeyIdentifier: nil)
    }

    var bundle: TrustBundle {
        TrustBundle(trustDomain: self.trustDomain, x509Authorities: [self.certificate])
    }

    /// Issues a leaf for ``leafKey``.
    func leaf(customise: (inout TestCertificate) throws -> Void = { _ in }) throws -> Certificate {
        var contents = TestCertificate(now: Self.now, lifetime: .seconds(3_600))
        contents.uriNames = ["spiffe://example.org/web"]
        contents.serialNumber = Certificate.SerialNumber(bytes: [2])
        try customise(&contents)
        return try contents.certificate(
            publicKey: .init(self.leafKey.publicKey), keyIdentifier: [2], issuer: self.certificate.subject,
            issuerKey: .init(self.key), issuerKeyIdentifier: [1])
    }

    /// Signs whatever stands for a TBSCertificate (RFC 5280 §4.1), and makes a certificate of it.
    func certificateDER(signing contents: [UInt8]) throws -> [UInt8] {
        // The BIT STRING of an Ed25519 signature (RFC 8410 §6).
        let signature = try [0x03, 0x41, 0x00] + self.key.signature(for: contents)
        let algorithm: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]
        let content = contents + algorithm + signature
        // Three bytes of length are DER only for contents that need them, as a leaf does.
        let length = [
            UInt8(0x82), UInt8(truncatingIfNeeded: content.count >> 8), UInt8(truncatingIfNeeded: content.count),
        ]
        return [0x30] + length + content
    }

    /// Signs a header and claims, whatever they are, with ``tokenKey``.
    func token(header: ArraySlice<UInt8>, claims: ArraySlice<UInt8>) throws -> String {
        let input = Base64URL.encode(Array(header)) + "." + Base64URL.encode(Array(claims))
        return try input + "." + Base64URL.encode(self.tokenKey.signature(for: Array(input.utf8)).rawRepresentation)
    }
}
