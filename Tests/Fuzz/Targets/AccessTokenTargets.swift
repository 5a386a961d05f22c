import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport

extension FuzzTarget {
    private static let issuer = "https://issuer.example.org"
    private static let service = "spiffe://example.org/payments"
    private static let caller = "spiffe://example.org/orders"
    private static let certificateHash = [UInt8](repeating: 0xC5, count: 32)

    private static func rules() throws -> AccessTokenRules {
        AccessTokenRules(
            issuer: self.issuer, audience: self.service, trustDomains: [try TrustDomain(parsing: "example.org")])
    }

    private static func peer() throws -> TokenPeer {
        TokenPeer(
            id: try SPIFFEID(parsing: self.caller), certificateSHA256: self.certificateHash, certificateSerial: "a1")
    }

    /// Access tokens: no change makes a valid token of another one.
    static func accessToken() throws -> FuzzTarget {
        let accepted = [
            "accept", "accept-ES384", "accept-RS256", "accept-aud-array", "accept-media-type", "accept-scopes-array",
        ]
        let keys = try accepted.map {
            try AccessTokenKeys(parsing: SeedFiles.vector("access-token", $0).bytes("keys.json"))
        }
        // What it may do is asked after it was accepted.
        let vectors = try SeedFiles.vectors("access-token", with: "token.txt").filter {
            try $0.isAccepted || $0.name == "scope-missing"
        }
        let signed = try Set(vectors.map { Self.signingInput(try $0.bytes("token.txt").text) })
        let (rules, peer) = try (Self.rules(), Self.peer())
        var distinct: [AccessTokenKeys] = []
        for keys in keys where !distinct.contains(keys) { distinct.append(keys) }
        let issuers = distinct
        return try FuzzTarget(
            "access-token", maxBytes: UnverifiedJWT.maxTokenBytes,
            seeds: SeedFiles.vectorFiles("access-token", "token.txt")
        ) { input in
            guard let token = String(validating: input, as: UTF8.self) else { return false }
            var isAccepted = false
            for keys in issuers {
                let accessToken = try? AccessToken.validate(
                    token, from: peer, keys: keys, rules: rules, revocations: RevocationState(),
                    now: FixedAuthority.now)
                guard let accessToken else { continue }
                try hold(signed.contains(Self.signingInput(token)), "a token that nobody signed is accepted")
                try Self.check(accessToken, peer: peer, keys: keys, rules: rules)
                isAccepted = true
            }
            return isAccepted
        }
    }

    /// Access tokens whose header and claims, one line each, the issuer signs whatever they say.
    static func accessTokenClaims() throws -> FuzzTarget {
        let authority = try FixedAuthority()
        let keyID = "at-1"
        let keys = AccessTokenKeys([keyID: PublicKey(authority.tokenKey.publicKey)])
        let (rules, peer) = try (Self.rules(), Self.peer())
        let certificate = Base64URL.encode(self.certificateHash)
        let header = #"{"alg":"ES256","kid":"at-1","typ":"at+jwt"}"# + "\n"
        let common =
            #"{"iss":"https://issuer.example.org","sub":"spiffe://example.org/orders","#
            + #""client_id":"spiffe://example.org/orders","jti":"b3","iat":1767225540,"exp":1767225840,"#
        let seeds = [
            header + common + #""aud":"spiffe://example.org/payments","scope":"payments:create payments:read"}"#,
            header + common + #""aud":["spiffe://example.org/payments"],"scopes":["a","b"],"scope":"b a","nbf":null}"#,
            header + common + #""aud":"spiffe://example.org/payments","nbf":1767225600,"cnf":{"x5t#S256":""#
                + certificate + #""}}"#,
            header + common + #""aud":["spiffe://example.org/payments","spiffe://example.org/orders"]}"#,
            header + common + #""aud":"spiffe://example.org/payments","nbf":1767225601,"scopes":["a b",""]}"#,
            header + common + #""aud":"spiffe://example.org/payments","scope":"a","scopes":["b"],"cnf":{"jkt":"a"}}"#,
        ]
        return try FuzzTarget(
            "access-token-claims", maxBytes: UnverifiedJWT.maxTokenBytes, seeds: seeds.map { Array($0.utf8) },
            dictionary: self.claimsDictionary + [self.issuer, self.service, self.caller, certificate]
        ) { input in
            let lines = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
            guard lines.count == 2 else { return false }
            let token = try authority.token(header: lines[0], claims: lines[1])
            let accessToken = try? AccessToken.validate(
                token, from: peer, keys: keys, rules: rules, revocations: RevocationState(), now: FixedAuthority.now)
            let reference =
                token.utf8.count <= UnverifiedJWT.maxTokenBytes
                ? ReferenceToken(header: lines[0], claims: lines[1]) : nil
            let caller = reference?.accessToken(
                issuer: Self.issuer, audience: Self.service, keyID: keyID, peer: Self.caller, certificate: certificate)
            try hold((accessToken != nil) == (caller != nil), "it is \(accessToken == nil ? "refused" : "accepted")")
            guard let accessToken else { return false }
            try Self.check(accessToken, peer: peer, keys: keys, rules: rules)
            let again = try AccessTokenClaims(accessToken.claims.object())
            try hold(again.scopes == accessToken.claims.scopes, "other scopes are read than written")
            try hold(again.subject == accessToken.claims.subject, "another subject is read than written")
            try hold(again.tokenID == accessToken.claims.tokenID, "another jti is read than written")
            return true
        }
    }

    /// What must hold for every token that is accepted, and that revocations reach it.
    private static func check(
        _ token: AccessToken, peer: TokenPeer, keys: AccessTokenKeys, rules: AccessTokenRules
    ) throws {
        let (claims, now) = (token.claims, FixedAuthority.now)
        try hold(claims.subject == peer.id && claims.issuer == rules.issuer, "it is another's, or of another issuer")
        try hold(claims.audience == rules.audience && claims.expiresAt > now, "it is for another, or expired")
        try hold(claims.certificateSHA256.map { $0 == peer.certificateSHA256 } ?? true, "it is of another certificate")
        try hold(keys[token.keyID] != nil, "it is signed with a key that is not there")
        let again = try ScopeSet(parsing: claims.scopes.text)
        try hold(again == claims.scopes, "other scopes are read than written")
        let targets: [Revocation.Target] = [
            .token(claims.tokenID), .subject(claims.subject), .certificate(peer.certificateSerial), .key(token.keyID),
        ]
        for target in targets {
            let revocation = Revocation(target, revokedAt: .distantFuture, expiresAt: .distantFuture)
            let revocations = try RevocationState([revocation], now: now)
            let check = Result { () throws(AccessTokenError) in
                try token.check(from: peer, keys: keys, rules: rules, revocations: revocations, now: now)
            }
            guard case .failure(.revoked) = check else {
                throw BrokenInvariant(description: "a revocation of \(target) does not reach it")
            }
        }
    }
}
