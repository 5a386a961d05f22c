import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("WIT-SVID §5 and §7 presentation", .timeLimit(.minutes(1)))
struct WITPresentationTests {
    private static let web = "spiffe://example.org/web"
    private static let target = "https://reports.example.org/a"

    @Test("WIT-42: a token leaves its holder with a proof by its own key that names it")
    func proof() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = P256.Signing.PrivateKey()
        let svid = try authority.witSVID(id: Self.web, key: key)
        let presentation = try svid.presentation(for: WorkloadProofScope(target: Self.target), now: authority.now)
        let claims = try UnverifiedJWT(parsing: presentation.proofToken).verify(with: PublicKey(key.publicKey))
        let hash = Array(SHA256.hash(data: Array(presentation.identityToken.utf8)))
        #expect(claims["wth"]?.string == Base64URL.encode(hash))
        #expect(claims["aud"]?.string == Self.target)
        #expect(claims["exp"] == .number(JSONNumber(Int64(authority.now.timeIntervalSince1970) + 30)))
        #expect(claims.members.map(\.name) == ["aud", "exp", "jti", "wth"])
        #expect(try UnverifiedJWT(parsing: presentation.proofToken).type == "wpt+jwt")
    }

    @Test("WIT-43: a WIT-SVID is no bearer token: who expects a JWT-SVID refuses it by its type, knowing its key")
    func noBearerToken() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = try #require(
            JWTAuthority(keyID: authority.witAuthority.keyID, publicKey: authority.witAuthority.publicKey))
        let bundles = TrustBundles([TrustBundle(trustDomain: authority.trustDomain, jwtAuthorities: [key])])
        func token(_ type: JSONValue) throws -> String {
            try authority.wit(
                sub: Self.web, key: P256.Signing.PrivateKey(), header: ["typ": type], claims: ["aud": "reports"])
        }
        #expect(throws: JWTSVIDError.unsupportedType("wit+jwt")) {
            try JWTSVID.validate(token("wit+jwt"), audience: "reports", bundles: bundles, now: authority.now)
        }
        // Nothing else is wrong with it.
        #expect(
            try JWTSVID.validate(token("JWT"), audience: "reports", bundles: bundles, now: authority.now).id.uri
                == Self.web)
    }

    @Test("token and proof have fields of their own")
    func fields() {
        #expect(WITPresentation.identityTokenField == "Workload-Identity-Token")
        #expect(WITPresentation.proofTokenField == "Workload-Proof-Token")
    }

    @Test("WIT-45: what one side presents the other accepts, with each kind of token beside it")
    func roundTrip() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let svid = try authority.witSVID(id: Self.web)
        for scope in [
            try WorkloadProofScope(target: Self.target), try WorkloadProofScope(target: Self.target, accessToken: "a"),
            try WorkloadProofScope(target: Self.target, transactionToken: "t"),
            try WorkloadProofScope(target: Self.target, otherTokens: ["x": "1", "y": "2"]),
            try WorkloadProofScope(
                target: Self.target, accessToken: "a", transactionToken: "t", otherTokens: ["x": "1"]),
        ] {
            let presentation = try svid.presentation(for: scope, now: authority.now)
            let verified = try VerifiedWITSVID.validate(
                presentation.identityToken, proof: presentation.proofToken, for: scope,
                bundles: TrustBundles([authority.bundleWithWIT]), now: authority.now)
            #expect(verified.id.uri == Self.web)
        }
    }

    @Test("WIT-45: a proof is judged by the rules of WIMSE", arguments: Vector.all("wit-svid", rule: "WIT-45"))
    func rules(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-53: a proof has an end that is not far", arguments: Vector.all("wit-svid", rule: "WIT-53"))
    func bounded(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-53: a proof is made for a second to five minutes, and never outlives its token")
    func lifetimes() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = P256.Signing.PrivateKey()
        let svid = try authority.witSVID(id: Self.web, lifetime: .seconds(10), key: key)
        let scope = try WorkloadProofScope(target: Self.target)
        for lifetime: Duration in [.zero, .milliseconds(999), .seconds(301)] {
            #expect(throws: WITPresentationError.lifetime(lifetime)) {
                try svid.presentation(for: scope, now: authority.now, lifetime: lifetime)
            }
        }
        let proof = try svid.presentation(for: scope, now: authority.now, lifetime: .seconds(300)).proofToken
        let claims = try UnverifiedJWT(parsing: proof).verify(with: PublicKey(key.publicKey))
        #expect(claims["exp"] == .number(JSONNumber(Int64(authority.now.timeIntervalSince1970) + 10)))
        #expect(throws: WITPresentationError.expired(authority.now.addingTimeInterval(10))) {
            try svid.presentation(for: scope, now: authority.now.addingTimeInterval(10))
        }
    }

    @Test("WIT-54: unless told otherwise a proof is valid for half a minute, and accepted for a minute at most")
    func shortLifetimes() {
        #expect(WITSVID.defaultProofLifetime == .seconds(30))
        #expect(VerifiedWITSVID.defaultMaxProofLifetime == .seconds(60))
    }

    @Test("WIT-55: a proof is good for what it was made for", arguments: Vector.all("wit-svid", rule: "WIT-55"))
    func scope(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-56: a proof has an ID", arguments: Vector.all("wit-svid", rule: "WIT-56"))
    func proofID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-56: a proof is accepted once where there is a history, and each proof has another jti")
    func once() throws {
        let (authority, history) = (try TestAuthority(trustDomain: "example.org"), WorkloadProofHistory(limit: 2))
        let svid = try authority.witSVID(id: Self.web)
        let first = try Self.verified(svid, authority)
        try history.accept(first, now: authority.now)
        #expect(throws: WorkloadProofHistoryError.replayed) { try history.accept(first, now: authority.now) }
        try history.accept(Self.verified(svid, authority), now: authority.now)
        let third = try Self.verified(svid, authority)
        #expect(throws: WorkloadProofHistoryError.tooManyProofs(limit: 2)) {
            try history.accept(third, now: authority.now)
        }
        // The first two have expired by then.
        try history.accept(third, now: authority.now.addingTimeInterval(30))
    }

    @Test(
        "WIT-57: there is no proof for a channel that is not secure",
        arguments: ["http://a/b", "https:/a", "a", "", "https://"])
    func secureChannel(_ target: String) {
        #expect(throws: WITPresentationError.insecureTarget) { try WorkloadProofScope(target: target) }
    }

    @Test("query and fragment are no part of what a proof is for")
    func targets() throws {
        for (given, target) in [
            ("https://a/b?c=d#e", "https://a/b"), ("https://a#?", "https://a"), ("HTTPS://a/b", "HTTPS://a/b"),
        ] {
            #expect(try WorkloadProofScope(target: given).target == target)
        }
    }

    @Test("a proof covers at most sixteen other tokens")
    func manyTokens() throws {
        let tokens = Dictionary(uniqueKeysWithValues: (0..<17).map { ("\($0)", "a") })
        #expect(throws: WITPresentationError.tooManyTokens(limit: 16)) {
            try WorkloadProofScope(target: Self.target, otherTokens: tokens)
        }
    }

    @Test("tokens, proofs and keys are in no description and no dump")
    func redaction() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let svid = try authority.witSVID(id: Self.web)
        let scope = try WorkloadProofScope(target: Self.target, accessToken: "secret-token")
        let presentation = try svid.presentation(for: scope, now: authority.now)
        var text = "\(svid) \(String(reflecting: svid)) \(presentation) \(scope) \(String(reflecting: scope))"
        dump(svid, to: &text)
        dump(presentation, to: &text)
        dump(scope, to: &text)
        #expect(text.contains(Self.web))
        let parts = [presentation.identityToken, presentation.proofToken].flatMap { $0.split(separator: ".") }
        for part in parts + ["secret-token"] { #expect(!text.contains(part)) }
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() {
        let proofErrors: [WorkloadProofError] = [
            .token(.notCompact), .unsupportedType(""), .algorithmMismatch(.es256), .missingAudience,
            .audienceMismatch(expected: "a"), .malformedClaim("exp"), .missingExpiration,
            .expired(Date(timeIntervalSince1970: 0)), .lifetimeTooLong(max: .seconds(1)), .missingID,
            .missingTokenHash, .tokenHashMismatch, .accessTokenHashMismatch, .transactionTokenHashMismatch,
            .otherTokenHashMismatch("a"),
        ]
        #expect(Set(proofErrors.map(\.label)).count == proofErrors.count)
        #expect(Set(proofErrors.map(\.description)).count == proofErrors.count)
        let presentationErrors: [WITPresentationError] = [
            .insecureTarget, .tooManyTokens(limit: 1), .expired(Date(timeIntervalSince1970: 0)),
            .lifetime(.seconds(1)), .signing(.signingFailed),
        ]
        #expect(Set(presentationErrors.map(\.label)).count == presentationErrors.count)
        #expect(Set(presentationErrors.map(\.description)).count == presentationErrors.count)
        let historyErrors: [WorkloadProofHistoryError] = [.replayed, .tooManyProofs(limit: 1)]
        #expect(Set(historyErrors.map(\.label)).count == historyErrors.count)
        #expect(Set(historyErrors.map(\.description)).count == historyErrors.count)
    }

    private static func verified(_ svid: WITSVID, _ authority: TestAuthority) throws -> VerifiedWITSVID {
        let presentation = try WITSVIDTests.presentation(svid, authority)
        return try WITSVIDTests.validated(presentation, authority.bundleWithWIT, authority)
    }
}
