import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("A validator of JWT-SVIDs that keeps what was valid", .timeLimit(.minutes(1)))
struct JWTSVIDValidatorTests {
    private static let web = "spiffe://example.org/web"

    private let authority: TestAuthority
    private let validator = JWTSVIDValidator(maxKeptTokens: 3)

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    private func token(_ sub: String = Self.web, lifetime: Duration = .seconds(600)) throws -> String {
        try self.authority.jwt(sub: sub, aud: ["reports"], lifetime: lifetime)
    }

    @discardableResult
    private func validate(
        _ token: String, audience: String = "reports", authorities: [JWTAuthority]? = nil, after: TimeInterval = 0,
        leeway: Duration = .zero
    ) throws(JWTSVIDError) -> (svid: JWTSVID, isRepeated: Bool) {
        let bundle = TrustBundle(
            trustDomain: self.authority.trustDomain, jwtAuthorities: authorities ?? [self.authority.jwtAuthority])
        return try self.validator.validate(
            token, audience: audience, bundles: TrustBundles([bundle]),
            now: self.authority.now.addingTimeInterval(after), leeway: leeway)
    }

    @Test("the same token again is accepted without its signature, and another one is not")
    func repeats() throws {
        let token = try self.token()
        #expect(try self.validate(token).isRepeated == false)
        let again = try self.validate(token)
        #expect(again.isRepeated)
        #expect(again.svid.id.uri == Self.web)
        #expect(again.svid.token == token)
        // ECDSA never signs alike twice.
        #expect(try self.validate(self.token()).isRepeated == false)
    }

    @Test("a kept token with another last byte is judged by its own signature")
    func changed() throws {
        let token = try self.token()
        try self.validate(token)
        // One that decodes to the same length: the last character carries four bits.
        let changed = String(token.dropLast()) + (token.hasSuffix("A") ? "Q" : "A")
        #expect(throws: JWTSVIDError.token(.invalidSignature)) { try self.validate(changed) }
        #expect(self.validator.keptCount == 1)
    }

    @Test("a kept token is judged by the time of each call, to the second, and by its leeway")
    func time() throws {
        let token = try self.token(lifetime: .seconds(100))
        try self.validate(token)
        #expect(try self.validate(token, after: 99).isRepeated)
        let expiry = self.authority.now.addingTimeInterval(100)
        #expect(throws: JWTSVIDError.expired(expiry)) { try self.validate(token, after: 100) }
        #expect(try self.validate(token, after: 109, leeway: .seconds(10)).isRepeated == false)
        let later = try self.authority.jwt(
            sub: Self.web, aud: ["reports"],
            claims: ["nbf": .number(JSONNumber(Int64(self.authority.now.timeIntervalSince1970) + 20))])
        try self.validate(later, after: 20)
        #expect(throws: JWTSVIDError.notYetValid(self.authority.now.addingTimeInterval(20))) {
            try self.validate(later, after: 19)
        }
    }

    @Test("a kept token is for the audience that each call names")
    func audience() throws {
        let token = try self.token()
        try self.validate(token)
        #expect(throws: JWTSVIDError.audienceMismatch(expected: "payments")) {
            try self.validate(token, audience: "payments")
        }
        #expect(throws: JWTSVIDError.noExpectedAudience) { try self.validate(token, audience: "") }
    }

    @Test("a kept token is refused once its key has left the bundle, or another has its kid")
    func withdrawnKey() throws {
        let token = try self.token()
        try self.validate(token)
        let other = try TestAuthority(trustDomain: "example.org", jwtKeyID: "jwt-2").jwtAuthority
        #expect(throws: JWTSVIDError.unknownKeyID("jwt-1", self.authority.trustDomain)) {
            try self.validate(token, authorities: [other])
        }
        let impostor = try TestAuthority(trustDomain: "example.org").jwtAuthority
        #expect(throws: JWTSVIDError.token(.invalidSignature)) { try self.validate(token, authorities: [impostor]) }
        #expect(throws: JWTSVIDError.unknownTrustDomain(self.authority.trustDomain)) {
            try self.validator.validate(
                token, audience: "reports", bundles: TrustBundles(), now: self.authority.now)
        }
        #expect(try self.validate(token, authorities: [other, self.authority.jwtAuthority]).isRepeated)
    }

    @Test("when the end of an authority becomes known, its tokens stay known")
    func authorityGetsAnEnd() throws {
        let token = try self.token()
        try self.validate(token)
        let known = self.authority.jwtAuthority
        let ending = JWTAuthority(keyID: known.keyID, publicKey: known.publicKey, expiresAt: self.authority.now)
        #expect(try self.validate(token, authorities: [try #require(ending)]).isRepeated)
    }

    @Test("a token is kept for five minutes, then its signature is checked again")
    func keptFor() throws {
        let token = try self.token(lifetime: .seconds(1_000))
        try self.validate(token)
        #expect(try self.validate(token, after: 299).isRepeated)
        #expect(try self.validate(token, after: 300).isRepeated == false)
        #expect(try self.validate(token, after: 301).isRepeated)
    }

    @Test("nothing of a refused token is kept, and the least recently used makes room")
    func bounded() throws {
        #expect(throws: JWTSVIDError.audienceMismatch(expected: "payments")) {
            try self.validate(self.token(), audience: "payments")
        }
        #expect(self.validator.keptCount == 0)
        let tokens = try (1...4).map { try self.token("spiffe://example.org/web/\($0)") }
        for token in tokens.prefix(3) { try self.validate(token) }
        try self.validate(tokens[0])
        try self.validate(tokens[3])
        #expect(self.validator.keptCount == 3)
        #expect(try [0, 2, 3, 1].map { try self.validate(tokens[$0]).isRepeated } == [true, true, true, false])
    }
}
