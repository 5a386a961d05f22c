import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport

extension FuzzTarget {
    private static let audience = "reports"
    static let claimsDictionary =
        Self.jsonDictionary + [
            "\"alg\"", "\"ES256\"", "\"none\"", "\"HS256\"", "\"kid\"", "\"typ\"", "\"JWT\"", "\"JOSE\"", "\"at+jwt\"",
            "\"crit\"", "\"jwk\"", "\"jku\"", "\"x5c\"", "\"sub\"", "\"aud\"", "\"exp\"", "\"nbf\"", "\"iat\"",
            "\"iss\"",
            "\"jti\"", "\"client_id\"", "\"scope\"", "\"scopes\"", "\"cnf\"", "\"x5t#S256\"",
            "spiffe://example.org/web", "\u{212A}", "\u{17F}",
            "1767225600", "1767225601", "1767225540", "253402300799", "253402300800",
        ]

    /// Tokens of peers: no change makes a valid token of another one.
    static func jwtSVID() throws -> FuzzTarget {
        let accepted = ["jwt-ok", "no-kid", "alg-ES384", "alg-RS256", "alg-PS256", "typ-JOSE", "aud-string"]
        let trustDomain = try TrustDomain(parsing: "example.org")
        var distinct: [TrustBundle] = []
        for name in accepted {
            let document = try SeedFiles.vector("jwt-svid", name).bytes("bundle.json")
            let bundle = try TrustBundle(parsing: document, trustDomain: trustDomain)
            if !distinct.contains(bundle) { distinct.append(bundle) }
        }
        var signed: [String: String] = [:]
        for vector in try SeedFiles.vectors("jwt-svid", with: "token.txt") where try vector.isAccepted {
            signed[Self.signingInput(try vector.bytes("token.txt").text)] = try vector.members["id"]?.string
        }
        let bundles = distinct.map { TrustBundles([$0]) }
        let known = signed
        return try FuzzTarget(
            "jwt-svid", maxBytes: UnverifiedJWT.maxTokenBytes, seeds: SeedFiles.vectorFiles("jwt-svid", "token.txt")
        ) { input in
            guard let token = String(validating: input, as: UTF8.self) else { return false }
            let received = try? JWTSVID(receivedFromWorkloadAPI: token)
            let svid = bundles.lazy.compactMap {
                try? JWTSVID.validate(token, audience: Self.audience, bundles: $0, now: FixedAuthority.now)
            }.first
            guard let svid else { return received != nil }
            try hold(known[Self.signingInput(token)] == svid.id.uri, "a token that nobody signed is that of \(svid.id)")
            try hold(svid.token == token && received?.id == svid.id, "a token that is valid cannot be received")
            try hold(svid.audience.contains(Self.audience) && svid.expiresAt > FixedAuthority.now, "it is for others")
            return true
        }
    }

    /// A token without its signature, of which ECDSA has two.
    static func signingInput(_ token: String) -> String {
        String(token[..<(token.lastIndex(of: ".") ?? token.endIndex)])
    }

    /// Tokens whose header and claims, one line each, the authority signs whatever they say.
    static func jwtSVIDClaims() throws -> FuzzTarget {
        let authority = try FixedAuthority()
        let keyID = "jwt-1"
        let jwtAuthority = JWTAuthority(keyID: keyID, publicKey: PublicKey(authority.tokenKey.publicKey))
        let bundle = TrustBundle(
            trustDomain: authority.trustDomain, jwtAuthorities: [try found(jwtAuthority, "the kid is empty")])
        let claims = #"{"sub":"spiffe://example.org/web","aud":["reports"],"exp":1767225900,"iat":1767225600}"#
        let seeds = [
            #"{"alg":"ES256","kid":"jwt-1","typ":"JWT"}"# + "\n" + claims, #"{"alg":"ES256"}"# + "\n" + claims,
            #"{"alg":"ES256","typ":"JOSE"}"# + "\n"
                + #"{"sub":"spiffe://example.org/web","aud":"reports","exp":1767225900.5,"nbf":1767225600,"iat":0}"#,
            #"{"alg":"ES256","typ":"at+jwt","kid":"other"}"# + "\n"
                + #"{"sub":"spiffe://foreign.test/web","aud":["reports",1],"exp":1767225600,"nbf":1767225601}"#,
        ]
        return try FuzzTarget(
            "jwt-svid-claims", maxBytes: UnverifiedJWT.maxTokenBytes, seeds: seeds.map { Array($0.utf8) },
            dictionary: self.claimsDictionary
        ) { input in
            let lines = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
            guard lines.count == 2 else { return false }
            let token = try authority.token(header: lines[0], claims: lines[1])
            let svid = try? JWTSVID.validate(
                token, audience: Self.audience, bundles: TrustBundles([bundle]), now: FixedAuthority.now)
            let reference =
                token.utf8.count <= UnverifiedJWT.maxTokenBytes
                ? ReferenceToken(header: lines[0], claims: lines[1]) : nil
            let id = reference?.jwtSVID(audience: Self.audience, keyID: keyID, trustDomain: "example.org")
            try hold(svid?.id.uri == id, "the token is that of \(svid?.id.uri ?? "nobody"), not of \(id ?? "nobody")")
            guard let svid else { return false }
            let received = try JWTSVID(receivedFromWorkloadAPI: token)
            try hold(received.id == svid.id && received.claims == svid.claims, "what is valid is received as another")
            return true
        }
    }
}
