import Crypto
import FoundationEssentials
import JOSE

/// A proof that its maker holds the key of a WIT-SVID's `cnf`: a Workload Proof Token of WIMSE, made anew for each request.
enum WorkloadProof {
    /// The only `typ` a proof has.
    static let type = "wpt+jwt"
    /// The longest `jti` that is looked at, in bytes.
    static let maxIDBytes = 256

    /// The hash by which a proof names a token: SHA-256 of its text, in base64url.
    static func hash(_ token: String) -> String {
        Base64URL.encode(SHA256.hash(data: Array(token.utf8)))
    }

    /// Signs a proof.
    static func make(
        key: PrivateJSONWebKey, algorithm: SignatureAlgorithm, identityToken: String, scope: WorkloadProofScope,
        expiresAt: Date
    ) throws(JWSSigningError) -> String {
        let header: JSONObject = ["alg": .string(algorithm.rawValue), "typ": .string(self.type)]
        var claims: JSONObject = [
            "aud": .string(scope.target), "exp": .number(JSONNumber(Int64(expiresAt.timeIntervalSince1970))),
            "jti": .string(self.randomID()), "wth": .string(self.hash(identityToken)),
        ]
        claims["ath"] = scope.accessToken.map { .string(self.hash($0)) }
        claims["tth"] = scope.transactionToken.map { .string(self.hash($0)) }
        if !scope.otherTokens.isEmpty {
            var others = JSONObject()
            for (name, token) in scope.otherTokens.sorted(by: { $0.key < $1.key }) {
                others[name] = .string(self.hash(token))
            }
            claims["oth"] = .object(others)
        }
        return try JWSSigning.compactSynchronously(header: header, claims: claims) {
            signingInput throws(JWSSigningError) in
            try key.sign(signingInput, algorithm: algorithm)
        }
    }

    /// 128 random bits.
    private static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}
