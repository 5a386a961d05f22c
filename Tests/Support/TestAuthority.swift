package import Crypto
package import FoundationEssentials
package import JOSE
package import SPIFFE
import SwiftASN1
package import X509

/// A certificate authority for tests: P-256 keys for X.509-SVIDs, JWT-SVIDs and WIT-SVIDs, made anew each time.
///
/// ```swift
/// let authority = try TestAuthority(trustDomain: "example.org")
/// let svid = try authority.x509SVID(id: "spiffe://example.org/web")
/// let bundles = TrustBundles([authority.bundle])
/// ```
package struct TestAuthority: Sendable {
    package let trustDomain: TrustDomain
    /// When SVIDs of this authority are valid, unless told otherwise: from a minute before.
    package let now: Date
    package let certificate: Certificate
    package let jwtAuthority: JWTAuthority
    package let jwtKey: P256.Signing.PrivateKey
    package let witAuthority: WITAuthority
    package let witKey: P256.Signing.PrivateKey
    private let key: P256.Signing.PrivateKey
    /// The authorities between this and the one in the bundle; the nearest first.
    private let intermediates: [Certificate]
    private let root: Certificate

    /// Makes a self-signed authority.
    ///
    /// - Parameter now: 2027-01-15 08:00:00 UTC unless given, as in `ManualInstants`.
    package init(
        trustDomain: String, now: Date = Date(timeIntervalSince1970: 1_800_000_000),
        lifetime: Duration = .seconds(86_400),
        jwtKeyID: String = "jwt-1", customise: (inout TestCertificate) -> Void = { _ in }
    ) throws {
        let key = P256.Signing.PrivateKey()
        self.trustDomain = try TrustDomain(parsing: trustDomain)
        var contents = TestCertificate(now: now, lifetime: lifetime)
        contents.subject = try DistinguishedName { OrganizationName(trustDomain) }
        contents.uriNames = [self.trustDomain.id.uri]
        contents.becomeSigning()
        customise(&contents)
        self.now = now
        self.key = key
        self.jwtKey = P256.Signing.PrivateKey()
        let jwtAuthority = JWTAuthority(keyID: jwtKeyID, publicKey: PublicKey(self.jwtKey.publicKey))
        guard let jwtAuthority else { throw EmptyKeyID() }
        self.jwtAuthority = jwtAuthority
        self.witKey = P256.Signing.PrivateKey()
        guard let witAuthority = WITAuthority(keyID: "wit-1", publicKey: PublicKey(self.witKey.publicKey)) else {
            throw EmptyKeyID()
        }
        self.witAuthority = witAuthority
        self.certificate = try contents.certificate(
            publicKey: .init(key.publicKey), keyIdentifier: Self.identifier(of: key.publicKey),
            issuer: contents.subject, issuerKey: .init(key), issuerKeyIdentifier: nil)
        self.intermediates = []
        self.root = self.certificate
    }

    private init(
        below parent: TestAuthority, key: P256.Signing.PrivateKey, certificate: Certificate
    ) {
        self.trustDomain = parent.trustDomain
        self.now = parent.now
        self.key = key
        self.certificate = certificate
        self.jwtAuthority = parent.jwtAuthority
        self.jwtKey = parent.jwtKey
        self.witAuthority = parent.witAuthority
        self.witKey = parent.witKey
        self.intermediates = [certificate] + parent.intermediates
        self.root = parent.root
    }

    /// The bundle of the trust domain: the self-signed authority, and the JWT key.
    package var bundle: TrustBundle {
        TrustBundle(
            trustDomain: self.trustDomain, x509Authorities: [self.root], jwtAuthorities: [self.jwtAuthority],
            sequenceNumber: 1, refreshHint: .seconds(300))
    }

    package var jwtKeyID: String { self.jwtAuthority.keyID }

    /// Makes an authority below this one, whose SVIDs carry its certificate in their chain.
    package func intermediate(
        name: String = "intermediate", lifetime: Duration = .seconds(43_200),
        customise: (inout TestCertificate) -> Void = { _ in }
    ) throws -> TestAuthority {
        let key = P256.Signing.PrivateKey()
        var contents = TestCertificate(now: self.now, lifetime: lifetime)
        contents.subject = try DistinguishedName { OrganizationName(name) }
        contents.uriNames = [self.trustDomain.id.uri]
        contents.becomeSigning()
        customise(&contents)
        let certificate = try self.sign(contents, publicKey: key.publicKey)
        return TestAuthority(below: self, key: key, certificate: certificate)
    }

    /// Issues a leaf without checking anything.
    ///
    /// - Parameters:
    ///   - key: The leaf's key; a new one unless given.
    ///   - customise: Changes what the certificate says.
    /// - Returns: The leaf, and its private key as DER PKCS#8.
    package func issue(
        id: String, lifetime: Duration = .seconds(3_600), key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(),
        customise: (inout TestCertificate) throws -> Void = { _ in }
    ) throws -> (certificate: Certificate, keyPKCS8DER: [UInt8]) {
        var contents = TestCertificate(now: self.now, lifetime: lifetime)
        contents.uriNames = [id]
        try customise(&contents)
        let certificate = try self.sign(contents, publicKey: key.publicKey)
        return (certificate, Array(key.derRepresentation))
    }

    /// Issues a leaf whose DER has exactly this many bytes, by an extension that says nothing.
    package func issue(id: String, bytes: Int) throws -> (certificate: Certificate, keyPKCS8DER: [UInt8]) {
        var filling = bytes
        while true {
            let content = [UInt8](repeating: 0, count: max(0, filling))
            let issued = try self.issue(id: id) {
                $0.extraExtensions = [.init(oid: [1, 3, 6, 1, 4, 1, 99_999, 1], critical: false, value: content[...])]
            }
            // Signatures differ in length.
            let excess = issued.certificate.derBytes.count - bytes
            if excess == 0 { return issued }
            filling -= excess
        }
    }

    /// Issues a leaf and returns the chain that its holder shows to peers.
    package func chain(
        id: String, lifetime: Duration = .seconds(3_600),
        customise: (inout TestCertificate) throws -> Void = { _ in }
    ) throws -> [Certificate] {
        [try self.issue(id: id, lifetime: lifetime, customise: customise).certificate] + self.intermediates
    }

    /// Issues an X.509-SVID as a workload gets it: chain and key.
    package func x509SVID(
        id: String, lifetime: Duration = .seconds(3_600), hint: String = "",
        customise: (inout TestCertificate) throws -> Void = { _ in }
    ) throws -> X509SVID {
        let (leaf, key) = try self.issue(id: id, lifetime: lifetime, customise: customise)
        return try X509SVID(certificates: [leaf] + self.intermediates, privateKeyPKCS8DER: key, hint: hint)
    }

    /// An X.509-SVID and the bundles to judge peers by: this authority's own, and others when given.
    package func x509Identity(
        id: String, lifetime: Duration = .seconds(3_600), federatedBundles: [TrustBundle] = []
    ) throws -> X509Identity {
        X509Identity(
            svid: try self.x509SVID(id: id, lifetime: lifetime),
            bundles: TrustBundles(federatedBundles + [self.bundle]))
    }

    /// Signs a token with the JWT key.
    ///
    /// - Parameters:
    ///   - header: Adds members to the header, or replaces them.
    ///   - claims: Adds claims, or replaces them.
    ///   - removing: Names of members of the header, and of claims, to leave out.
    package func jwt(
        sub: String, aud: [String], lifetime: Duration = .seconds(300), header: [String: JSONValue] = [:],
        claims: [String: JSONValue] = [:], removing: Set<String> = []
    ) throws -> String {
        let issued = Int64(self.now.timeIntervalSince1970)
        var headerObject: JSONObject = ["alg": "ES256", "kid": .string(self.jwtKeyID), "typ": "JWT"]
        var claimsObject: JSONObject = [
            "sub": .string(sub), "aud": .array(aud.map(JSONValue.string)),
            "exp": .number(JSONNumber(issued + lifetime.components.seconds)), "iat": .number(JSONNumber(issued)),
        ]
        for (name, value) in header { headerObject[name] = value }
        for (name, value) in claims { claimsObject[name] = value }
        for name in removing {
            headerObject[name] = Optional<JSONValue>.none
            claimsObject[name] = Optional<JSONValue>.none
        }
        return try self.jwt(header: headerObject, claims: claimsObject)
    }

    /// Signs any header and claims with the JWT key, as ES256 whatever the header says.
    package func jwt(header: JSONObject, claims: JSONObject) throws -> String {
        try JWSSigning.compactSynchronously(header: header, claims: claims) { input in
            Array(try self.jwtKey.signature(for: input).rawRepresentation)
        }
    }

    /// Issues an X.509-SVID for a key of any kind.
    package func x509SVID(id: String, key: LeafKey) throws -> X509SVID {
        var contents = TestCertificate(now: self.now, lifetime: .seconds(3_600))
        contents.uriNames = [id]
        let leaf = try self.sign(contents, publicKey: key.publicKey, keyIdentifier: nil)
        return try X509SVID(certificates: [leaf] + self.intermediates, privateKeyPKCS8DER: key.pkcs8DER)
    }

    private func sign(_ contents: TestCertificate, publicKey: P256.Signing.PublicKey) throws -> Certificate {
        try self.sign(contents, publicKey: .init(publicKey), keyIdentifier: Self.identifier(of: publicKey))
    }

    private func sign(
        _ contents: TestCertificate, publicKey: Certificate.PublicKey, keyIdentifier: [UInt8]?
    ) throws -> Certificate {
        try contents.certificate(
            publicKey: publicKey, keyIdentifier: keyIdentifier,
            issuer: self.certificate.subject, issuerKey: .init(self.key),
            issuerKeyIdentifier: Self.identifier(of: self.key.publicKey))
    }

    private struct EmptyKeyID: Error {}

    private static func identifier(of key: P256.Signing.PublicKey) -> [UInt8] {
        Array(SHA256.hash(data: key.x963Representation).prefix(20))
    }
}
