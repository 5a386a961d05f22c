import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import X509

/// The authority of a scripted control plane: it signs for the keys of requests, which `TestAuthority` does not.
struct ControlPlaneAuthority: Sendable {
    let trustDomain: TrustDomain
    let certificate: Certificate
    let tokens: TestAuthority
    private static let keyIdentifier: [UInt8] = Array(1...20)
    private let key = P256.Signing.PrivateKey()
    private let now: @Sendable () -> Date

    init(trustDomain: String = "example.org", now: @escaping @Sendable () -> Date) throws {
        self.trustDomain = try TrustDomain(parsing: trustDomain)
        self.now = now
        self.tokens = try TestAuthority(trustDomain: trustDomain, now: now())
        var contents = TestCertificate(now: now(), lifetime: .seconds(86_400))
        contents.notBefore = now().addingTimeInterval(-3_600)
        contents.subject = try DistinguishedName { OrganizationName("control plane") }
        contents.uriNames = [self.trustDomain.id.uri]
        contents.becomeSigning()
        self.certificate = try contents.certificate(
            publicKey: .init(self.key.publicKey), keyIdentifier: Self.keyIdentifier, issuer: contents.subject,
            issuerKey: .init(self.key), issuerKeyIdentifier: nil)
    }

    var bundle: TrustBundle {
        TrustBundle(
            trustDomain: self.trustDomain, x509Authorities: [self.certificate],
            jwtAuthorities: [self.tokens.jwtAuthority], sequenceNumber: 1, refreshHint: .seconds(300))
    }

    /// Signs for a key; backdated by ten seconds, as control planes do, unless told otherwise.
    func sign(
        id: String, publicKey: Certificate.PublicKey, age: Duration = .seconds(10), lifetime: Duration,
        dnsNames: [String] = []
    ) throws -> Certificate {
        let now = self.now()
        var contents = TestCertificate(now: now, lifetime: lifetime)
        contents.notBefore = now.addingTimeInterval(-(age / .seconds(1)))
        contents.uriNames = [id]
        contents.dnsNames = dnsNames
        return try contents.certificate(
            publicKey: publicKey, keyIdentifier: nil, issuer: self.certificate.subject,
            issuerKey: .init(self.key), issuerKeyIdentifier: Self.keyIdentifier)
    }

    /// An identity with a key of its own.
    func identity(
        id: String, age: Duration = .seconds(10), lifetime: Duration = .seconds(3_600)
    ) throws -> X509SVID {
        let key = P256.Signing.PrivateKey()
        let leaf = try self.sign(id: id, publicKey: .init(key.publicKey), age: age, lifetime: lifetime)
        return try X509SVID(certificates: [leaf], privateKeyPKCS8DER: Array(key.derRepresentation))
    }

    /// The bundle with the WIT authority.
    var bundleWithWIT: TrustBundle {
        TrustBundle(
            trustDomain: self.trustDomain, x509Authorities: [self.certificate],
            jwtAuthorities: [self.tokens.jwtAuthority], witAuthorities: [self.tokens.witAuthority], sequenceNumber: 1,
            refreshHint: .seconds(300))
    }

    /// A WIT-SVID issued now.
    func wit(id: String, publicKey: PublicKey, lifetime: Duration) throws -> String {
        try self.tokens.wit(sub: id, publicKey: publicKey, lifetime: lifetime, now: self.now())
    }

    /// A token issued now.
    func token(id: String, audience: [String], lifetime: Duration, claims: [String: JSONValue] = [:]) throws -> String {
        let issued = Int64(self.now().timeIntervalSince1970)
        var claims = claims
        claims["iat"] = .number(JSONNumber(issued))
        claims["exp"] = .number(JSONNumber(issued + lifetime.components.seconds))
        return try self.tokens.jwt(sub: id, aud: audience, claims: claims)
    }
}
