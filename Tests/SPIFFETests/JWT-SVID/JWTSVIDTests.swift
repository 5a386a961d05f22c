import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("JWT-SVID §2 to §4 validation", .timeLimit(.minutes(1)))
struct JWTSVIDTests {
    private static let web = "spiffe://example.org/web"

    @Test("JWT-01: the JSON serializations are refused", arguments: Vector.all("jwt-svid", rule: "JWT-01"))
    func jsonSerialization(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-02: keys in the header are never looked at", arguments: Vector.all("jwt-svid", rule: "JWT-02"))
    func keysInHeader(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-03: an encrypted token is refused", arguments: Vector.all("jwt-svid", rule: "JWT-03"))
    func encrypted(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-04: the nine algorithms of the standard are accepted", arguments: Vector.all("jwt-svid", rule: "JWT-04"))
    func algorithms(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-05: every other algorithm is refused", arguments: Vector.all("jwt-svid", rule: "JWT-05"))
    func otherAlgorithms(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-06: a token without kid is tried against the keys of its trust domain",
        arguments: Vector.all("jwt-svid", rule: "JWT-06"))
    func noKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-06: a token without kid is tried against a bounded number of keys, and only keys of its algorithm")
    func boundedTries() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.jwt(sub: Self.web, aud: ["reports"], removing: ["kid"])
        let others = try (1...JWTSVID.maxAuthoritiesTried).map {
            try TestAuthority(trustDomain: "example.org", jwtKeyID: "other-\($0)").jwtAuthority
        }
        let validate = { (authorities: [JWTAuthority]) throws(JWTSVIDError) in
            let bundle = TrustBundle(trustDomain: authority.trustDomain, jwtAuthorities: authorities)
            return try JWTSVID.validate(token, audience: "reports", bundles: TrustBundles([bundle]), now: authority.now)
        }
        #expect(try validate(others.dropLast() + [authority.jwtAuthority]).id.uri == Self.web)
        #expect(throws: JWTSVIDError.noMatchingAuthority(authority.trustDomain)) {
            try validate(others + [authority.jwtAuthority])
        }
    }

    @Test("JWT-07: typ may be left out", arguments: Vector.all("jwt-svid", rule: "JWT-07"))
    func noType(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-08: a typ other than JWT and JOSE is refused", arguments: Vector.all("jwt-svid", rule: "JWT-08"))
    func types(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-09: other claims are passed on and decide nothing", arguments: Vector.all("jwt-svid", rule: "JWT-09"))
    func otherClaims(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-11: the subject is a SPIFFE ID", arguments: Vector.all("jwt-svid", rule: "JWT-11"))
    func subject(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-13: a token without audience is refused", arguments: Vector.all("jwt-svid", rule: "JWT-13"))
    func noAudience(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-14: the audience has the validator's own value, byte by byte",
        arguments: Vector.all("jwt-svid", rule: "JWT-14"))
    func audience(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-18: a token without expiration is refused", arguments: Vector.all("jwt-svid", rule: "JWT-18"))
    func noExpiration(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-20: the algorithm is checked before anything else", arguments: Vector.all("jwt-svid", rule: "JWT-20"))
    func algorithmFirst(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-21: the signature is checked as RFC 7519 §7 says", arguments: Vector.all("jwt-svid", rule: "JWT-21"))
    func signature(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-22: exp and nbf are judged at the time that is given", arguments: Vector.all("jwt-svid", rule: "JWT-22"))
    func times(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-23: a token lacks audience or expiration: refused, each by its own error")
    func audienceAndExpiration() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        for (claim, error) in [("aud", JWTSVIDError.missingAudience), ("exp", .missingExpiration)] {
            let token = try authority.jwt(sub: Self.web, aud: ["reports"], removing: [claim])
            #expect(throws: error) { try Self.validated(token, authority) }
        }
    }

    @Test("JWT-30: only jwt-svid entries verify tokens", arguments: Vector.all("jwt-svid", rule: "JWT-30"))
    func jwtEntriesOnly(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-31: without jwt-svid entries, every token of the trust domain is refused",
        arguments: Vector.all("jwt-svid", rule: "JWT-31"))
    func noEntries(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-32: a token with jti is valid as often as it is validated")
    func repeated() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.jwt(sub: Self.web, aud: ["reports"], claims: ["jti": "1"])
        for _ in 0..<2 { #expect(try Self.validated(token, authority).claims["jti"] == "1") }
    }

    @Test(
        "JWT-34: there is no validation without an audience to expect",
        arguments: Vector.all("jwt-svid", rule: "JWT-34"))
    func noExpectedAudience(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-35: the algorithm is that of the key", arguments: Vector.all("jwt-svid", rule: "JWT-35"))
    func algorithmOfKey(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-36: keys are looked up in the bundle of the subject's trust domain only",
        arguments: Vector.all("jwt-svid", rule: "JWT-36"))
    func ownBundle(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-37: aud may be a string or an array, exp may have a fraction",
        arguments: Vector.all("jwt-svid", rule: "JWT-37"))
    func claimForms(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-38: crit is fatal", arguments: Vector.all("jwt-svid", rule: "JWT-38"))
    func crit(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-39: a member twice is fatal", arguments: Vector.all("jwt-svid", rule: "JWT-39"))
    func duplicateMembers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("JWT-40: a subject without path is accepted of a peer", arguments: Vector.all("jwt-svid", rule: "JWT-40"))
    func subjectWithoutPath(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-28: the subject is inside of what is signed", arguments: Vector.all("jwt-svid", rule: "SID-28"))
    func signedSubject(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-18: an ID of 2048 bytes is a subject")
    func longestSubject() throws {
        let id = "spiffe://example.org/" + String(repeating: "a", count: 2027)
        let authority = try TestAuthority(trustDomain: "example.org")
        #expect(try Self.validated(authority.jwt(sub: id, aud: ["reports"]), authority).id.uri == id)
    }

    @Test("SID-31: a claim of a foreign trust domain comes with the ID that it is to be interpreted by")
    func foreignClaims() throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let token = try foreign.jwt(sub: "spiffe://foreign.test/web", aud: ["reports"], claims: ["role": "admin"])
        let svid = try Self.validated(token, foreign)
        #expect(svid.claims["role"] == "admin")
        #expect(svid.id.trustDomain == foreign.trustDomain)
    }

    @Test("what was validated has the claims that the standard names, and all of them")
    func result() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.jwt(sub: Self.web, aud: ["reports", "x"])
        let svid = try Self.validated(token, authority)
        #expect(svid.id.uri == Self.web)
        #expect(svid.audience == ["reports", "x"])
        #expect(svid.expiresAt == authority.now.addingTimeInterval(300))
        #expect(svid.issuedAt == authority.now)
        #expect(svid.token == token)
        #expect(svid.hint == "")
        #expect(svid.claims.members.map(\.name) == ["sub", "aud", "exp", "iat"])
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let moment = Date(timeIntervalSince1970: 0)
        let errors: [JWTSVIDError] = [
            .noExpectedAudience, .leewayOutOfRange(.seconds(61)), .token(.notCompact), .unsupportedType("x"),
            .missingSubject, .invalidSubject(.query),
            .unknownTrustDomain(trustDomain), .noJWTAuthorities(trustDomain), .unknownKeyID("a", trustDomain),
            .noMatchingAuthority(trustDomain), .missingAudience, .malformedClaim("exp"),
            .audienceMismatch(expected: "a"),
            .missingExpiration, .expired(moment), .notYetValid(moment),
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
    }

    @Test("what a peer wrote is quoted in an error, so that it cannot pass for another line of a log")
    func quoted() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        for (member, description) in [
            ("typ", #"its typ is "a\nb", not JWT or JOSE"#),
            ("kid", #"the bundle of example.org has no JWT authority "a\nb""#),
            ("alg", #"it is not a valid JWT: unsupportedAlgorithm("a\nb")"#),
        ] {
            let token = try authority.jwt(sub: Self.web, aud: ["reports"], header: [member: "a\nb"])
            let error = #expect(throws: JWTSVIDError.self) { try Self.validated(token, authority) }
            #expect(error?.description == description)
        }
        #expect(JWTSVIDError.audienceMismatch(expected: "a\nb").description == #"its aud does not have "a\nb""#)
    }

    private static func validated(_ token: String, _ authority: TestAuthority) throws(JWTSVIDError) -> JWTSVID {
        try JWTSVID.validate(token, audience: "reports", bundles: TrustBundles([authority.bundle]), now: authority.now)
    }
}
