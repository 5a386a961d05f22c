import AccessTokens
import FoundationEssentials
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport
import Testing

@Suite("pki/vectors/access-token at a validator", .timeLimit(.minutes(1)))
struct BadTokenTests {
    /// The state of whichever vector is at hand.
    private final class State: TokenStateSource {
        private let state = Mutex<TokenState?>(nil)

        func currentState() -> TokenState? { self.state.withLock { $0 } }

        func become(_ state: TokenState) { self.state.withLock { $0 = state } }
    }

    private static func call(_ vector: TokenVector, _ values: [String], _ validator: TokenValidator) throws {
        try validator.validate(
            authorization: values, from: vector.peer(), by: vector.rule(), route: "POST /payments")
    }

    /// A validator that has accepted nothing yet, at the time and with the state of a vector.
    private static func validator(
        _ vector: TokenVector, _ state: State, _ audit: RecordedAudit, _ time: ManualInstants
    ) throws -> TokenValidator {
        state.become(try vector.state())
        return TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments,
                trustDomains: [try TrustDomain(parsing: "example.org")], leeway: vector.leeway),
            state: state, maxStaleness: .seconds(30), audit: audit, instants: time.instants)
    }

    /// The good token of somebody else is accepted by the same validator, and is the only one that it keeps.
    private static func serveOthers(_ validator: TokenValidator, _ state: State, _ time: ManualInstants) throws {
        let good = try TokenVector(named: "accept")
        time.set(to: try good.now())
        state.become(try good.state())
        try Self.call(good, ["Bearer " + good.token()], validator)
        #expect(validator.keptCount == 1)
    }

    @Test("there are vectors")
    func count() {
        #expect(TokenVector.refused.count > 80)
    }

    @Test(
        "what is refused is refused for its reason, twice, recorded once each, kept never, and others are served",
        arguments: TokenVector.refused)
    func refused(_ vector: TokenVector) throws {
        let (state, audit) = (State(), RecordedAudit())
        let time = ManualInstants(now: try vector.now())
        let validator = try Self.validator(vector, state, audit, time)
        let token = try vector.token()
        // Some are not even what a header may carry.
        let isCarried = (try? BearerCredentials.token(authorization: ["Bearer " + token])) != nil
        let reason = isCarried ? vector.reason : "malformed_request"
        // A token that only lacks a scope is good: it is kept, and refused all the same.
        let isKept = reason == "access_token.insufficient_scope"
        for count in 1...2 {
            #expect(throws: TokenRefusal.self) { try Self.call(vector, ["Bearer " + token], validator) }
            #expect(audit.events.values.map(\.reason) == Array(repeating: reason, count: count))
            #expect(audit.events.values.allSatisfy { $0.decision == .refused })
            #expect(validator.keptCount == (isKept ? 1 : 0))
        }
        if !isKept { try Self.serveOthers(validator, state, time) }
    }

    @Test("two Authorization headers are refused, both of them good or not, recorded once, and others are served")
    func twoHeaders() throws {
        let good = try TokenVector(named: "accept")
        let (state, audit) = (State(), RecordedAudit())
        let time = ManualInstants(now: try good.now())
        let validator = try Self.validator(good, state, audit, time)
        let header = "Bearer " + (try good.token())
        #expect(throws: TokenRefusal.malformedRequest) { try Self.call(good, [header, header], validator) }
        #expect(throws: TokenRefusal.malformedRequest) { try Self.call(good, [header, "Basic YTpi"], validator) }
        #expect(audit.events.values.map(\.reason) == ["malformed_request", "malformed_request"])
        #expect(validator.keptCount == 0)
        try Self.serveOthers(validator, state, time)
    }

    @Test("a clock that steps: a token is refused for where the clock is, recorded, and accepted when it is back")
    func clock() throws {
        let good = try TokenVector(named: "accept")
        let (state, audit) = (State(), RecordedAudit())
        let start = try good.now()
        let time = ManualInstants(now: start)
        let validator = try Self.validator(good, state, audit, time)
        let header = "Bearer " + (try good.token())
        for (seconds, reason) in [(3_600.0, "access_token.expired"), (-3_600, "access_token.issued_in_future")] {
            let kept = validator.keptCount
            time.set(to: start.addingTimeInterval(seconds))
            #expect(throws: TokenRefusal.self) { try Self.call(good, [header], validator) }
            #expect(audit.events.values.last?.reason == reason)
            #expect(validator.keptCount == kept)
            time.set(to: start)
            try Self.call(good, [header], validator)
            #expect(validator.keptCount == 1)
        }
        #expect(audit.events.values.map(\.decision) == [.refused, .accepted, .refused, .accepted])
    }
}
