import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import SPIFFE
import TestSupport
import Testing

@Suite("Issuing JWT-SVIDs", .timeLimit(.minutes(1)))
struct JWTIssuanceTests {
    private let now = TestDomain.start + .seconds(60)

    private func issued(
        _ path: String = "/web", audience: [String] = ["reports"], ttl: Duration = .seconds(300), jti: Bool = false,
        issuer: String? = nil, type: KeyType = .ecP256
    ) async throws -> (AuthorityState, IssuedJWTSVID) {
        let domain = try TestDomain(jwtKeyType: type, jwtIssuer: issuer)
        let state = try await domain.firstState()
        let svid = try state.issueJWTSVID(
            id: domain.id(path), audience: audience, ttl: ttl, includeJTI: jti, now: self.now)
        return (state, svid)
    }

    private func part(_ index: Int, of svid: IssuedJWTSVID) throws -> JSONObject {
        let parts = svid.token.split(separator: ".", omittingEmptySubsequences: false)
        try #require(parts.count == 3)
        return try #require(try JSON.parse([UInt8](base64URL: String(parts[index])), maxBytes: 65_536).object)
    }

    @Test(
        "JWT-10: a token has the claims of its profile and no others, whatever signs it", arguments: KeyType.svidTypes)
    func profile(type: KeyType) async throws {
        let profile = try Profile("jwt-svid")
        let (state, svid) = try await self.issued(audience: ["reports", "billing"], type: type)
        let values: Profile.Values = [
            "spiffeID": "spiffe://example.org/web", "audience": ["reports", "billing"],
            "issuedAt": seconds(self.now), "lifetime": 300, "authorityExpiresAt": seconds(state.jwt.expiresAt),
            "keyID": .string(state.jwt.keyID),
            "algorithm": try #require(profile.table["algorithms"]?.object?[type.rawValue]),
            "when: an issuer is configured": false, "when: the entry asks for it": false,
        ]
        #expect(try profile.differences(of: "header", self.part(0, of: svid), values: values) == [])
        #expect(try profile.differences(of: "claims", self.part(1, of: svid), values: values) == [])
        let compact = try Regex(try #require(profile.table["compact"]?.string))
        #expect(try compact.wholeMatch(in: svid.token) != nil)
    }

    @Test("issuer and token identifier are there when they are wanted, as the profile says")
    func optionalClaims() async throws {
        let (state, svid) = try await self.issued(jti: true, issuer: "https://issuer.test")
        let values: Profile.Values = [
            "spiffeID": "spiffe://example.org/web", "audience": ["reports"], "issuer": "https://issuer.test",
            "issuedAt": seconds(self.now), "lifetime": 300, "authorityExpiresAt": seconds(state.jwt.expiresAt),
            "when: an issuer is configured": true, "when: the entry asks for it": true,
        ]
        #expect(try Profile("jwt-svid").differences(of: "claims", self.part(1, of: svid), values: values) == [])
    }

    @Test("two tokens have different token identifiers")
    func identifiers() async throws {
        let (_, first) = try await self.issued(jti: true)
        let (_, second) = try await self.issued(jti: true)
        #expect(try self.part(1, of: first)["jti"] != self.part(1, of: second)["jti"])
    }

    @Test("JWT-02: the header has alg, kid and typ, and nothing else")
    func header() async throws {
        let (_, svid) = try await self.issued()
        #expect(try self.part(0, of: svid).members.map(\.name) == ["alg", "kid", "typ"])
    }

    @Test(
        "JWT-04: the algorithm is that of the kind of key",
        arguments: [(KeyType.ecP256, "ES256"), (.ecP384, "ES384"), (.rsa2048, "RS256"), (.rsa4096, "RS256")])
    func algorithm(type: KeyType, name: String) async throws {
        let (state, svid) = try await self.issued(type: type)
        #expect(try self.part(0, of: svid)["alg"]?.string == name)
        let token = try UnverifiedJWT(parsing: svid.token)
        #expect(try token.verify(with: state.bundle.jwtAuthorities[0].publicKey)["sub"] == "spiffe://example.org/web")
    }

    @Test("JWT-06, JWT-29: the kid has 32 letters and digits and is that of the bundle")
    func keyID() async throws {
        let (state, svid) = try await self.issued()
        #expect(svid.keyID == state.bundle.jwtAuthorities[0].keyID)
        #expect(svid.keyID.wholeMatch(of: /[A-Za-z0-9]{32}/) != nil)
    }

    @Test("JWT-12: a request without audience, or with empty ones only, is refused", arguments: [[], [""], ["", ""]])
    func noAudience(audience: [String]) async throws {
        await #expect(throws: IssuanceError.noAudience) { try await self.issued(audience: audience) }
    }

    @Test("JWT-12, JWT-15: all audiences are issued in their order, empty and repeated ones dropped")
    func audiences() async throws {
        let (_, svid) = try await self.issued(audience: ["b", "", "a", "b"])
        #expect(try self.part(1, of: svid)["aud"] == ["b", "a"])
    }

    @Test("JWT-37: one audience is an array, too, and exp is an integer")
    func forms() async throws {
        let (_, svid) = try await self.issued()
        #expect(try self.part(1, of: svid)["aud"] == ["reports"])
        #expect(try self.part(1, of: svid)["exp"] == .number(JSONNumber(1_800_000_360)))
    }

    @Test("JWT-17, JWT-19: exp is iat plus the lifetime")
    func expiration() async throws {
        let (_, svid) = try await self.issued()
        #expect(svid.issuedAt == self.now)
        #expect(svid.expiresAt == self.now + .seconds(300))
        #expect(!svid.clamped)
    }

    @Test("JWT-19: exp is never after the end of the signing key, and that is reported")
    func clamped() async throws {
        let (state, svid) = try await self.issued(ttl: .days(2))
        #expect(svid.expiresAt == state.jwt.expiresAt)
        #expect(svid.clamped)
        #expect(try self.part(1, of: svid)["exp"] == seconds(state.jwt.expiresAt))
    }

    @Test("JWT-24: the token has three parts of base64url")
    func compact() async throws {
        let (_, svid) = try await self.issued()
        #expect(svid.token.wholeMatch(of: /[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/) != nil)
    }

    @Test("SID-28: a token with another sub does not verify")
    func signedSubject() async throws {
        let (state, svid) = try await self.issued()
        var claims = try self.part(1, of: svid)
        claims["sub"] = "spiffe://example.org/other"
        var parts = svid.token.split(separator: ".").map(String.init)
        parts[1] = JSON.serialize(.object(claims)).base64URL
        let changed = parts.joined(separator: ".")
        #expect(throws: JWTError.invalidSignature) {
            try UnverifiedJWT(parsing: changed).verify(with: state.bundle.jwtAuthorities[0].publicKey)
        }
    }

    @Test("what is issued validates against the bundle")
    func validates() async throws {
        let (state, svid) = try await self.issued()
        let validated = try JWTSVID.validate(
            svid.token, audience: "reports", bundles: TrustBundles([state.bundle]), now: self.now)
        #expect(validated.id == svid.id)
        #expect(validated.expiresAt == svid.expiresAt)
        #expect(validated.issuedAt == svid.issuedAt)
    }

    @Test("SID-18: a token for an ID of 2048 bytes with the longest audience and issuer validates")
    func longest() async throws {
        let path = "/" + String(repeating: "a", count: 2_048 - "spiffe://example.org/".utf8.count)
        let audience = String(repeating: "a", count: 4_096)
        let (state, svid) = try await self.issued(
            path, audience: [audience], issuer: String(repeating: "i", count: 2_048), type: .rsa4096)
        let validated = try JWTSVID.validate(
            svid.token, audience: audience, bundles: TrustBundles([state.bundle]), now: self.now)
        #expect(validated.id.uri.utf8.count == 2_048)
    }

    @Test("a token that would be longer than validators read is not issued")
    func tokenTooLong() async throws {
        let audience = String(repeating: "\u{1}", count: 4_096)
        await #expect(throws: IssuanceError.tokenTooLong(maxBytes: 16_384)) {
            try await self.issued(audience: [audience])
        }
    }

    @Test("audiences that are too long together are refused")
    func audienceTooLong() async throws {
        let half = String(repeating: "a", count: 2_048)
        await #expect(throws: IssuanceError.audienceTooLong(maxBytes: 4_096)) {
            try await self.issued(audience: [half, half, "b"])
        }
    }

    @Test("JWT-40: an ID without a path is refused")
    func withoutPath() async throws {
        await #expect(throws: IssuanceError.withoutPath) { try await self.issued("") }
    }

    @Test("reserved and foreign IDs are refused")
    func refusedIDs() async throws {
        let id = try TestDomain().id("/spire/server")
        await #expect(throws: IssuanceError.reservedID(id)) { try await self.issued("/spire/server") }
        let state = try await TestDomain().firstState()
        let foreign = try TrustDomain(parsing: "foreign.test")
        #expect(throws: IssuanceError.foreignTrustDomain(foreign)) {
            try state.issueJWTSVID(
                id: SPIFFEID(trustDomain: foreign, path: "/web"), audience: ["a"], ttl: .seconds(60), now: self.now)
        }
    }

    @Test("a token is never shown in a description")
    func redacted() async throws {
        let (_, svid) = try await self.issued()
        #expect("\(svid)" == "IssuedJWTSVID(spiffe://example.org/web, token: <redacted>)")
        #expect(!String(reflecting: svid).contains(svid.token))
        var dumped = ""
        dump(svid, to: &dumped)
        #expect(!dumped.contains(svid.token))
    }
}
