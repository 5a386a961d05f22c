import SPIFFE
import SPIFFETLS
import Testing

@Suite("Patterns of SPIFFE IDs", .timeLimit(.minutes(1)))
struct SPIFFEIDPatternTests {
    struct Case: Sendable {
        let pattern: String
        let fits: [String]
        let others: [String]
    }

    static let cases = [
        Case(
            pattern: "spiffe://example.org/ns/*/sa/web",
            fits: ["/ns/prod/sa/web", "/ns/a.b-c_D/sa/web"],
            others: [
                "", "/ns/sa/web", "/ns/prod/sa", "/ns/prod/sa/web/1", "/ns/prod/sa/webs", "/ns/a/b/sa/web",
                "/NS/prod/sa/web",
            ]),
        Case(
            pattern: "spiffe://example.org/team/**",
            fits: ["/team/a", "/team/a/b/c"],
            others: ["", "/team", "/teams/a", "/other/team/a"]),
        Case(pattern: "spiffe://example.org/**", fits: ["/a", "/a/b"], others: [""]),
        Case(pattern: "spiffe://example.org/*", fits: ["/a", "/x"], others: ["", "/a/b"]),
        Case(pattern: "spiffe://example.org/orders", fits: ["/orders"], others: ["", "/orders/1", "/order"]),
    ]

    @Test("stand for whole segments", arguments: cases)
    func matching(_ example: Case) throws {
        let pattern = try SPIFFEIDPattern(parsing: example.pattern)
        for path in example.fits {
            #expect(pattern.matches(id("spiffe://example.org\(path)")), "\(path)")
            #expect(!pattern.matches(id("spiffe://example.org.test\(path)")), "\(path)")
        }
        for path in example.others { #expect(!pattern.matches(id("spiffe://example.org\(path)")), "\(path)") }
    }

    @Test(
        "that say something else are refused",
        arguments: [
            ("spiffe://example.org", .noPath), ("spiffe://*/web", .wildcardTrustDomain),
            ("spiffe://example.*/web", .wildcardTrustDomain), ("spiffe://example.org/a*", .partOfSegment("a*")),
            ("spiffe://example.org/***", .partOfSegment("***")),
            ("spiffe://example.org/**/web", .doubleWildcardBeforeEnd),
            ("spiffe://example.org/web/", .malformedID(.trailingSlash)), ("example.org/*", .malformedID(.wrongScheme)),
            ("spiffe://example.org/*/..", .malformedID(.dotSegment)),
        ] as [(String, SPIFFEIDPatternError)])
    func refused(pattern: String, error: SPIFFEIDPatternError) {
        #expect(throws: error) { try SPIFFEIDPattern(parsing: pattern) }
    }
}
