import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("WIT-SVID §2 to §4 validation", .timeLimit(.minutes(1)))
struct WITSVIDTests {
    private static let web = "spiffe://example.org/web"
    private static let target = "https://reports.example.org/a"

    @Test("WIT-01: only the compact form is a WIT-SVID", arguments: Vector.all("wit-svid", rule: "WIT-01"))
    func compactForm(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-02: a token without kid is refused", arguments: Vector.all("wit-svid", rule: "WIT-02"))
    func noKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-03: kid is compared byte by byte", arguments: Vector.all("wit-svid", rule: "WIT-03"))
    func keyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-05: typ is wit+jwt and nothing else", arguments: Vector.all("wit-svid", rule: "WIT-05"))
    func type(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-07: the nine algorithms and no other", arguments: Vector.all("wit-svid", rule: "WIT-07"))
    func algorithms(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-09: unknown header members are ignored, crit is fatal", arguments: Vector.all("wit-svid", rule: "WIT-09"))
    func headerMembers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-10: a token without sub is refused", arguments: Vector.all("wit-svid", rule: "WIT-10"))
    func noSubject(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-11: the subject is a SPIFFE ID", arguments: Vector.all("wit-svid", rule: "WIT-11"))
    func subject(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-13: a token without cnf is refused", arguments: Vector.all("wit-svid", rule: "WIT-13"))
    func noConfirmation(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-14: cnf has a public jwk", arguments: Vector.all("wit-svid", rule: "WIT-14"))
    func confirmation(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-15: the alg of cnf's key is one of the nine and fits it", arguments: Vector.all("wit-svid", rule: "WIT-15")
    )
    func confirmationAlgorithm(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-16: jti may be there", arguments: Vector.all("wit-svid", rule: "WIT-16"))
    func tokenID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-19: one token with two proofs is accepted twice, whatever its jti")
    func noReplayByTokenID() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let svid = try authority.witSVID(id: Self.web, claims: ["jti": "1"])
        let history = WorkloadProofHistory()
        for _ in 0..<2 {
            let verified = try Self.verified(svid, authority)
            #expect(verified.claims["jti"] == "1")
            try history.accept(verified, now: authority.now)
        }
    }

    @Test("WIT-21: a token without exp is refused", arguments: Vector.all("wit-svid", rule: "WIT-21"))
    func noExpiration(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-22: an expired token is refused", arguments: Vector.all("wit-svid", rule: "WIT-22"))
    func expired(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-23: exp has a leeway of at most two minutes", arguments: Vector.all("wit-svid", rule: "WIT-23"))
    func leeway(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-23: with the longest leeway a token is accepted for two minutes after its end, and not in the next moment")
    func longestLeeway() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let svid = try authority.witSVID(id: "spiffe://example.org/web", lifetime: .seconds(10))
        let scope = try WorkloadProofScope(target: Self.target)
        let presentation = try svid.presentation(for: scope, now: authority.now)
        func validate(_ age: TimeInterval, leeway: Duration) throws -> VerifiedWITSVID {
            try VerifiedWITSVID.validate(
                presentation.identityToken, proof: presentation.proofToken, for: scope,
                bundles: TrustBundles([authority.bundleWithWIT]), now: authority.now.addingTimeInterval(age),
                leeway: leeway)
        }
        #expect(VerifiedWITSVID.maxLeeway == .seconds(120))
        #expect(try validate(129.9, leeway: .seconds(120)).id == svid.id)
        #expect(throws: WITSVIDError.expired(svid.expiresAt)) { try validate(130, leeway: .seconds(120)) }
        #expect(throws: WITSVIDError.expired(svid.expiresAt)) { try validate(10, leeway: .zero) }
    }

    @Test(
        "WIT-59: the example of the text is read, and its kid asked for",
        arguments: Vector.all("wit-svid-own", rule: "WIT-59"))
    func exampleOfTheText(_ vector: Vector) throws {
        try vector.check()
        let trustDomain = try TrustDomain(parsing: "example.com")
        let authority = try TestAuthority(trustDomain: "example.com")
        #expect(throws: WITSVIDError.unknownKeyID("lQSi3hZFnda2D-XJkj1zl7foJouiwI4nrAyhy4jZiJg", trustDomain)) {
            try VerifiedWITSVID.validate(
                vector.bytes("token.txt").text, proof: nil, for: WorkloadProofScope(target: Self.target),
                bundles: TrustBundles([authority.bundleWithWIT]), now: authority.now)
        }
    }

    @Test(
        "WIT-25: a token before its nbf is refused, without leeway", arguments: Vector.all("wit-svid", rule: "WIT-25"))
    func notYetValid(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-26: the lifetime counts from nbf to exp", arguments: Vector.all("wit-svid", rule: "WIT-26"))
    func lifetime(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-27: a lifetime above the validator's limit is refused", arguments: Vector.all("wit-svid", rule: "WIT-27"))
    func longLifetime(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-29: iat has no say", arguments: Vector.all("wit-svid", rule: "WIT-29"))
    func issuedAt(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-30: iss finds no keys", arguments: Vector.all("wit-svid", rule: "WIT-30"))
    func issuer(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-32: a token with aud is refused", arguments: Vector.all("wit-svid", rule: "WIT-32"))
    func audience(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-33: other claims may be there", arguments: Vector.all("wit-svid", rule: "WIT-33"))
    func otherClaims(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-34: unknown claims are passed on and decide nothing", arguments: Vector.all("wit-svid", rule: "WIT-34"))
    func unknownClaims(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-41: a token without a proof with its own key is refused", arguments: Vector.all("wit-svid", rule: "WIT-41")
    )
    func proofOfPossession(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-50: a kid that JWT and WIT keys share is of neither", arguments: Vector.all("wit-svid", rule: "WIT-50"))
    func sharedKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-51: only wit-svid entries of the subject's own trust domain verify tokens",
        arguments: Vector.all("wit-svid", rule: "WIT-51"))
    func witEntriesOnly(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "WIT-52: without wit-svid entries, every token of the trust domain is refused",
        arguments: Vector.all("wit-svid", rule: "WIT-52"))
    func noEntries(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-58: a WIT-SVID is no JWT-SVID, not even with an audience")
    func noJWTSVID() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.wit(sub: Self.web, key: P256.Signing.PrivateKey(), claims: ["aud": "reports"])
        #expect(throws: JWTSVIDError.unsupportedType("wit+jwt")) {
            try JWTSVID.validate(
                token, audience: "reports", bundles: TrustBundles([authority.bundleWithWIT]), now: authority.now)
        }
    }

    @Test("WAPI-42: bundles for JWT-SVIDs validate no WIT-SVIDs")
    func bundleForTokens() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundle = try TrustBundle(
            parsingJWTKeySet: authority.bundleWithWIT.document(), trustDomain: authority.trustDomain)
        let presentation = try Self.presentation(authority.witSVID(id: Self.web), authority)
        #expect(throws: WITSVIDError.noWITAuthorities(authority.trustDomain)) {
            try Self.validated(presentation, bundle, authority)
        }
    }

    @Test("WAPI-64: bundles for WIT-SVIDs validate no JWT-SVIDs")
    func bundleForWITs() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundle = try TrustBundle(
            parsingWITKeySet: authority.bundleWithWIT.document(), trustDomain: authority.trustDomain)
        let token = try authority.jwt(sub: Self.web, aud: ["reports"])
        #expect(throws: JWTSVIDError.noJWTAuthorities(authority.trustDomain)) {
            try JWTSVID.validate(token, audience: "reports", bundles: TrustBundles([bundle]), now: authority.now)
        }
    }

    @Test("what was validated has the claims that the standard names, and all of them")
    func result() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = P256.Signing.PrivateKey()
        let verified = try Self.verified(authority.witSVID(id: Self.web, key: key), authority)
        #expect(verified.id.uri == Self.web)
        #expect(verified.expiresAt == authority.now.addingTimeInterval(3_600))
        #expect(verified.issuedAt == authority.now)
        #expect(verified.confirmation == WITConfirmation(publicKey: PublicKey(key.publicKey), algorithm: .es256))
        #expect(verified.claims.members.map(\.name) == ["sub", "exp", "iat", "cnf"])
        #expect(verified.proof.expiresAt == authority.now.addingTimeInterval(30))
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let moment = Date(timeIntervalSince1970: 0)
        let errors: [WITSVIDError] = [
            .leewayOutOfRange(.seconds(121)), .token(.notCompact), .missingType, .unsupportedType("x"), .missingKeyID,
            .missingSubject,
            .invalidSubject(.query), .unknownTrustDomain(trustDomain), .noWITAuthorities(trustDomain),
            .unknownKeyID("a", trustDomain), .audiencePresent, .malformedClaim("exp"), .missingExpiration,
            .expired(moment), .notYetValid(moment), .lifetimeTooLong(max: .seconds(1)), .missingConfirmation,
            .missingConfirmationKey, .privateConfirmationKey, .unsupportedConfirmationKey,
            .malformedConfirmationKey(.missingMember("x")), .missingConfirmationAlgorithm,
            .unsupportedConfirmationAlgorithm("x"), .confirmationAlgorithmMismatch(.es256), .missingProof,
            .proof(.missingID), .malformedPrivateKey(.missingMember("d")), .privateKeyMismatch,
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
    }

    static func presentation(_ svid: WITSVID, _ authority: TestAuthority) throws -> WITPresentation {
        try svid.presentation(for: WorkloadProofScope(target: self.target), now: authority.now)
    }

    static func validated(
        _ presentation: WITPresentation, _ bundle: TrustBundle, _ authority: TestAuthority
    ) throws -> VerifiedWITSVID {
        try VerifiedWITSVID.validate(
            presentation.identityToken, proof: presentation.proofToken, for: WorkloadProofScope(target: self.target),
            bundles: TrustBundles([bundle]), now: authority.now)
    }

    private static func verified(_ svid: WITSVID, _ authority: TestAuthority) throws -> VerifiedWITSVID {
        try self.validated(self.presentation(svid, authority), authority.bundleWithWIT, authority)
    }
}
