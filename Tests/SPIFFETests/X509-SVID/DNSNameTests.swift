import SPIFFE
import Testing

@Suite("DNS name", .timeLimit(.minutes(1)))
struct DNSNameTests {
    @Test(
        "a host name or a wildcard is accepted and written in lower case",
        arguments: [
            ("web", "web"), ("Web.Example.ORG", "web.example.org"), ("*.example.org", "*.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("1.2.3.4", "1.2.3.4"),
        ])
    func accepted(name: String, normalized: String) throws {
        #expect(try DNSName.normalized(name) == normalized)
    }

    @Test(
        "a malformed name is refused with what is wrong",
        arguments: [
            ("", DNSNameProblem.empty),
            ("a..b", .emptyLabel),
            ("a.", .emptyLabel),
            (".a", .emptyLabel),
            ("-a.b", .hyphenAtEnd),
            ("a-.b", .hyphenAtEnd),
            ("*", .misplacedWildcard),
            ("a.*.b", .misplacedWildcard),
            ("a*.b", .misplacedWildcard),
            ("*.*.b", .misplacedWildcard),
            ("\u{212A}.org", .invalidByte(0xE2)),
            ("a\u{0}b", .invalidByte(0)),
            ("a_b.c", .invalidByte(0x5F)),
            ("a b", .invalidByte(0x20)),
            ("b\u{FC}cher.example", .invalidByte(0xC3)),
            (String(repeating: "a", count: 64), .labelTooLong(bytes: 64)),
            (Array(repeating: "abcdefg", count: 32).joined(separator: "."), .tooLong(bytes: 255)),
        ])
    func refused(name: String, problem: DNSNameProblem) {
        #expect(throws: problem) { try DNSName.normalized(name) }
    }

    @Test("a name of 253 bytes is accepted and one of 254 refused")
    func length() throws {
        let label = String(repeating: "a", count: 63)
        let longest = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(try DNSName.normalized(longest) == longest)
        #expect(throws: DNSNameProblem.tooLong(bytes: 254)) { try DNSName.normalized(longest + "b") }
    }

    @Test("a wildcard covers the names one label below its parent, and no others")
    func overlap() {
        let found = DNSName.overlap(in: ["x.example.org", "*.example.org"])
        #expect(found?.wildcard == "*.example.org")
        #expect(found?.name == "x.example.org")
        #expect(DNSName.overlap(in: ["a.b.example.org", "example.org", "*.example.org", "x.example.net"]) == nil)
    }
}
