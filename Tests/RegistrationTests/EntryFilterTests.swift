import Registration
import SPIFFE
import Testing

@Suite("Filters of listings", .timeLimit(.minutes(1)))
struct EntryFilterTests {
    /// The wire's table: given items, behaviour, which of the candidates {}, {a}, {a,b}, {a,b,c}, {c} match.
    @Test(
        "each behaviour matches as the wire says",
        arguments: [
            (MatchBehavior.exact, [false, false, true, false, false]),
            (.subset, [false, true, true, false, false]),
            (.superset, [false, false, true, true, false]),
            (.any, [false, true, true, true, false]),
        ])
    func behaviours(behavior: MatchBehavior, expected: [Bool]) throws {
        let match = try SetMatch<String>(["a", "b"], behavior, field: .selectors)
        let candidates: [[String]] = [[], ["a"], ["a", "b"], ["a", "b", "c"], ["c"]]
        #expect(candidates.map { match.matches($0) } == expected)
    }

    @Test("a comparison with nothing is refused, and says what is compared")
    func emptyMatch() {
        #expect(throws: RegistrationError.emptyMatch(.federatesWith)) {
            try SetMatch<TrustDomain>([], .any, field: .federatesWith)
        }
    }

    @Test("behaviours have the wire's numbers")
    func numbers() {
        #expect(MatchBehavior(rawValue: 0) == .exact)
        #expect(MatchBehavior(rawValue: 1) == .subset)
        #expect(MatchBehavior(rawValue: 2) == .superset)
        #expect(MatchBehavior(rawValue: 3) == .any)
        #expect(MatchBehavior(rawValue: 4) == nil)
    }

    @Test("every condition given must hold")
    func conditions() throws {
        let entry = try Fixture.entry(
            "1", "/web", parent: "/node", selectors: ["a:1", "a:2"], federatesWith: ["other.test"], hint: "h")
        let selectors = Set(entry.selectors)
        let trustDomains = Set(entry.federatesWith)
        #expect(EntryFilter().matches(entry))
        let all = EntryFilter(
            spiffeID: entry.spiffeID, parentID: entry.parentID,
            selectors: try SetMatch(selectors, .exact, field: .selectors),
            federatesWith: try SetMatch(trustDomains, .exact, field: .federatesWith), hint: "h", downstream: false)
        #expect(all.matches(entry))
        var filter = all
        filter.spiffeID = entry.parentID
        #expect(!filter.matches(entry))
        filter = all
        filter.parentID = entry.spiffeID
        #expect(!filter.matches(entry))
        filter = all
        filter.selectors = try SetMatch([try Selector(parsing: "a:1")], .exact, field: .selectors)
        #expect(!filter.matches(entry))
        filter = all
        filter.federatesWith = try SetMatch([try Fixture.trustDomain("third.test")], .any, field: .federatesWith)
        #expect(!filter.matches(entry))
        filter = all
        filter.hint = ""
        #expect(!filter.matches(entry))
        filter = all
        filter.downstream = true
        #expect(!filter.matches(entry))
    }
}
