package import Crypto
package import FoundationEssentials
package import JOSE
package import SPIFFE

/// WIT-SVIDs of the authority for tests.
extension TestAuthority {
    /// The bundle of the trust domain with its WIT authority.
    package var bundleWithWIT: TrustBundle {
        TrustBundle(
            trustDomain: self.trustDomain, x509Authorities: self.bundle.x509Authorities,
            jwtAuthorities: [self.jwtAuthority], witAuthorities: [self.witAuthority], sequenceNumber: 1,
            refreshHint: .seconds(300))
    }

    /// Signs a WIT-SVID.
    ///
    /// - Parameters:
    ///   - publicKey: The workload's.
    ///   - header: Adds members to the header, or replaces them.
    ///   - claims: Adds claims, or replaces them.
    ///   - removing: Names of members of the header, and of claims, to leave out.
    package func wit(
        sub: String, publicKey: PublicKey, lifetime: Duration = .seconds(3_600), now: Date? = nil,
        header: [String: JSONValue] = [:], claims: [String: JSONValue] = [:], removing: Set<String> = []
    ) throws -> String {
        let issued = Int64((now ?? self.now).timeIntervalSince1970)
        var confirmation = JSONWebKey(publicKey: publicKey).object()
        confirmation["alg"] = "ES256"
        var headerObject: JSONObject = ["alg": "ES256", "kid": .string(self.witAuthority.keyID), "typ": "wit+jwt"]
        var claimsObject: JSONObject = [
            "sub": .string(sub), "exp": .number(JSONNumber(issued + lifetime.components.seconds)),
            "iat": .number(JSONNumber(issued)), "cnf": ["jwk": .object(confirmation)],
        ]
        for (name, value) in header { headerObject[name] = value }
        for (name, value) in claims { claimsObject[name] = value }
        for name in removing {
            headerObject[name] = Optional<JSONValue>.none
            claimsObject[name] = Optional<JSONValue>.none
        }
        return try JWSSigning.compactSynchronously(header: headerObject, claims: claimsObject) { input in
            Array(try self.witKey.signature(for: input).rawRepresentation)
        }
    }

    /// Signs a WIT-SVID for a key of a test.
    package func wit(
        sub: String, key: P256.Signing.PrivateKey, lifetime: Duration = .seconds(3_600),
        header: [String: JSONValue] = [:], claims: [String: JSONValue] = [:], removing: Set<String> = []
    ) throws -> String {
        try self.wit(
            sub: sub, publicKey: PublicKey(key.publicKey), lifetime: lifetime, header: header, claims: claims,
            removing: removing)
    }

    /// Issues a WIT-SVID as a workload gets it: token and key.
    package func witSVID(
        id: String, lifetime: Duration = .seconds(3_600), hint: String = "",
        key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(), claims: [String: JSONValue] = [:]
    ) throws -> WITSVID {
        try WITSVID(
            receivedFromWorkloadAPI: self.wit(sub: id, key: key, lifetime: lifetime, claims: claims),
            privateKeyJWK: Self.privateJWK(key), hint: hint)
    }

    /// Token and private JWK as the Workload API sends them, for a new key.
    package func witAndKey(
        id: String, lifetime: Duration = .seconds(3_600)
    ) throws -> (token: String, privateKeyJWK: String) {
        let key = P256.Signing.PrivateKey()
        return (try self.wit(sub: id, key: key, lifetime: lifetime), Self.privateJWK(key))
    }

    /// The private JWK of a key as JSON.
    package static func privateJWK(_ key: P256.Signing.PrivateKey) -> String {
        String(decoding: JSON.serialize(.object(PrivateJSONWebKey(key).object())), as: UTF8.self)
    }
}
