import AccessTokens
import FoundationEssentials
import JOSE
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing

@Suite("A validator", .timeLimit(.minutes(1)))
struct TokenValidatorTests {
    private let issuer: TestIssuer
    private let audit = RecordedAudit()
    private let validator: TokenValidator

    init() throws {
        self.issuer = try TestIssuer()
        self.validator = try Self.validator(self.issuer, self.audit)
    }

    private static func validator(
        _ issuer: TestIssuer, _ audit: RecordedAudit, maxKeptTokens: Int = 100
    ) throws -> TokenValidator {
        TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments,
                trustDomains: [try TrustDomain(parsing: "example.org")]),
            state: issuer, maxStaleness: .seconds(30), audit: audit, instants: issuer.time.instants,
            maxKeptTokens: maxKeptTokens)
    }

    private static func rule(
        _ scope: String = "payments:create", whenStale: StalenessRule = .refuse, mode: RouteRule.Mode = .enforce
    ) throws -> RouteRule {
        RouteRule(.all(try ScopeSet(parsing: scope)), whenStale: whenStale, mode: mode)
    }

    @discardableResult
    private func call(
        _ token: String, from peer: TokenPeer? = try? TestIssuer.peer(), by rule: RouteRule? = try? Self.rule()
    ) throws(TokenRefusal) -> AccessToken? {
        try self.validator.validate(authorization: ["Bearer " + token], from: peer, by: rule, route: "POST /payments")
    }

    @Test("accepts a token, and the same token again without its signature")
    func accepts() throws {
        let token = try self.issuer.token()
        #expect(try self.call(token)?.claims.subject.uri == TestIssuer.orders)
        #expect(try self.call(token)?.claims.tokenID == "t-1")
        #expect(self.audit.events.values.map(\.isRepeated) == [false, true])
        #expect(self.audit.events.values.map(\.decision) == [.accepted, .accepted])
        #expect(self.validator.keptCount == 1)
    }

    @Test("a kept token is judged by the time of each call, to the second")
    func expiry() throws {
        let token = try self.issuer.token()
        try self.call(token)
        self.issuer.time.advance(by: .seconds(299))
        try self.issuer.publish()
        try self.call(token)
        self.issuer.time.advance(by: .seconds(300))
        try self.issuer.publish()
        try self.call(token)
        self.issuer.time.advance(by: .seconds(1))
        try self.issuer.publish()
        let expired = TokenRefusal.token(.expired(self.issuer.time.now))
        #expect(throws: expired) { try self.call(token) }
        // Kept for five minutes, then the signature is checked again.
        #expect(self.audit.events.values.map(\.isRepeated) == [false, true, false, false])
    }

    @Test("a kept token is bound to its peer at each call")
    func binding() throws {
        let token = try self.issuer.token()
        try self.call(token)
        let thief = try TestIssuer.peer("spiffe://example.org/thief")
        #expect(throws: TokenRefusal.token(.peerMismatch(peer: thief.id))) { try self.call(token, from: thief) }
        let bound = try self.issuer.token(id: "t-2", certificateSHA256: [UInt8](repeating: 1, count: 32))
        try self.call(bound)
        #expect(throws: TokenRefusal.token(.certificateMismatch)) {
            try self.call(bound, from: TestIssuer.peer(certificate: 2))
        }
        #expect(throws: TokenRefusal.noPeer) { try self.call(token, from: nil) }
    }

    @Test("a kept token is revoked by the next call, whatever is revoked")
    func revocation() throws {
        let token = try self.issuer.token()
        let orders = try SPIFFEID(parsing: TestIssuer.orders)
        let targets: [Revocation.Target] = [.token("t-1"), .subject(orders), .certificate("a1"), .key("at-1")]
        for target in targets {
            try self.issuer.publish()
            try self.call(token)
            try self.issuer.publish([self.issuer.revocation(target)])
            #expect(throws: TokenRefusal.token(.revoked(target))) { try self.call(token) }
        }
        try self.issuer.publish([self.issuer.revocation(.token("t-9"))])
        try self.call(token)
    }

    @Test("nothing of a refused token is kept, and each refusal is recorded once")
    func refusedIsNotKept() throws {
        let other = try self.issuer.token(audience: "spiffe://example.org/reports")
        let expected = TokenRefusal.token(.audienceMismatch(expected: TestIssuer.payments))
        #expect(throws: expected) { try self.call(other) }
        #expect(throws: TokenRefusal.self) { try self.call("a.b.c") }
        #expect(throws: TokenRefusal.self) {
            try self.call(try self.issuer.token(), from: try TestIssuer.peer("spiffe://example.org/thief"))
        }
        #expect(self.validator.keptCount == 0)
        #expect(
            self.audit.events.values.map(\.reason) == [
                "access_token.audience_mismatch", "access_token.token", "access_token.peer_mismatch",
            ])
        #expect(self.audit.events.values.map { $0.claims?.tokenID } == ["t-1", nil, "t-1"])
    }

    @Test("a full validator refuses no valid token: the least recently used makes room")
    func full() throws {
        let validator = try Self.validator(self.issuer, self.audit, maxKeptTokens: 3)
        let tokens = try (0..<5).map { try self.issuer.token(id: "t-\($0)") }
        func call(_ index: Int) throws {
            try validator.validate(
                authorization: ["Bearer " + tokens[index]], from: TestIssuer.peer(), by: Self.rule(), route: "r")
        }
        for index in [0, 1, 2, 0, 3, 0, 1, 4, 0] { try call(index) }
        #expect(
            self.audit.events.values.map(\.isRepeated)
                == [false, false, false, true, false, true, false, false, true])
        #expect(validator.keptCount == 3)
    }

    @Test("a token whose bytes differ anywhere is another token")
    func wholeTokenIsKey() throws {
        let token = try self.issuer.token()
        try self.call(token)
        for index in token.indices {
            var changed = token
            changed.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
            #expect(throws: TokenRefusal.self) { try self.call(changed) }
        }
        #expect(self.validator.keptCount == 1)
    }

    @Test("a valid token without the scope is refused with what is missing, and its owner may be let in")
    func scopes() throws {
        let token = try self.issuer.token(scope: "payments:read")
        let needed = ScopeRequirement.all(try ScopeSet(parsing: "payments:create"))
        #expect(throws: TokenRefusal.token(.insufficientScope(needed))) { try self.call(token) }
        let owner = RouteRule(needed, orAllows: { $0.claims.subject.uri == TestIssuer.orders })
        #expect(try self.call(token, by: owner) != nil)
    }

    @Test("a route without rule is refused, whatever the token says")
    func noRule() throws {
        let token = try self.issuer.token()
        #expect(throws: TokenRefusal.noRule) { try self.call(token, by: nil) }
    }

    @Test("a route that observes lets everything pass, and records who would have been refused and why")
    func observe() throws {
        let rule = try Self.rule(mode: .observe)
        let none = try self.validator.validate(
            authorization: [], from: try TestIssuer.peer(), by: rule, route: "POST /payments")
        #expect(none == nil)
        #expect(try self.call(try self.issuer.token(scope: ""), by: rule) == nil)
        #expect(try self.call(try self.issuer.token(), by: rule) != nil)
        #expect(self.audit.events.values.map(\.decision) == [.observed, .observed, .accepted])
        #expect(
            self.audit.events.values.map(\.reason) == ["missing_token", "access_token.insufficient_scope", nil])
        #expect(
            self.audit.events.values.map { $0.peer?.uri } == [TestIssuer.orders, TestIssuer.orders, TestIssuer.orders])
    }

    @Test("state that is too old: closed routes refuse, open ones pass up to their limit, and it is recorded")
    func staleness() throws {
        let token = try self.issuer.token()
        let open = try Self.rule(whenStale: .accept(upTo: .seconds(120)))
        self.issuer.time.advance(by: .seconds(30))
        try self.call(token)
        self.issuer.time.advance(by: .seconds(1))
        #expect(throws: TokenRefusal.stateTooOld(age: .seconds(31))) { try self.call(token) }
        #expect(try self.call(token, by: open) != nil)
        self.issuer.time.advance(by: .seconds(90))
        #expect(throws: TokenRefusal.stateTooOld(age: .seconds(121))) { try self.call(token, by: open) }
        #expect(self.audit.events.values.map(\.staleness) == [nil, nil, .seconds(31), nil])
        // Open or not, a token that is wrong is refused for what is wrong.
        #expect(throws: TokenRefusal.token(.insufficientScope(open.scopes))) {
            try self.call(try self.issuer.token(scope: "x"), by: open)
        }
    }

    @Test("a clock that is set back makes no state young again")
    func clockSetBack() throws {
        let token = try self.issuer.token()
        self.issuer.time.set(to: self.issuer.time.now.addingTimeInterval(-30))
        let open = try Self.rule(whenStale: .accept(upTo: .seconds(120)))
        #expect(throws: TokenRefusal.stateTooOld(age: nil)) { try self.call(token, by: open) }
    }

    @Test(
        "a clock that is set forward three hours refuses what has expired then, and takes it again when it is set right"
    )
    func clockSetForward() throws {
        let token = try self.issuer.token()
        let now = self.issuer.time.now
        try self.call(token)
        self.issuer.time.set(to: now.addingTimeInterval(3 * 3_600))
        #expect(throws: TokenRefusal.token(.expired(now.addingTimeInterval(600)))) { try self.call(token) }
        self.issuer.time.set(to: now)
        try self.call(token)
    }

    @Test("without state, or with that of another issuer, nothing is accepted")
    func noState() throws {
        let token = try self.issuer.token()
        self.issuer.forget()
        #expect(throws: TokenRefusal.noState) { try self.call(token) }
        try self.issuer.publish(issuer: "https://other.example.org")
        #expect(throws: TokenRefusal.stateOfOtherIssuer) { try self.call(token) }
    }

    @Test("no record has anything of the token's form")
    func recordsKeepSecrets() throws {
        let lines = Recorded<String>()
        let audit = JSONLinesAudit { lines.append(String(decoding: $0, as: UTF8.self)) }
        let validator = TokenValidator(
            rules: self.validator.rules, state: self.issuer, maxStaleness: .seconds(30), audit: audit,
            instants: self.issuer.time.instants)
        let token = try self.issuer.token()
        for value in ["Bearer " + token, "Bearer x" + token, "Basic " + token, token] {
            _ = try? validator.validate(
                authorization: [value], from: TestIssuer.peer(), by: Self.rule(), route: "POST /payments")
        }
        let text = lines.values.joined()
        #expect(lines.values.count == 4)
        #expect(!text.contains("eyJhbGci"))
        for part in token.split(separator: ".") { #expect(!text.contains(part)) }
        let first = try #require(lines.values.first)
        let object = try #require(try JSON.parse(Array(first.utf8.dropLast()), maxBytes: 4_096).object)
        #expect(
            object.members.map(\.name) == [
                "time", "decision", "iss", "kid", "sub", "aud", "scope", "jti", "peer", "route", "latency_us",
                "repeated",
            ])
    }
}
