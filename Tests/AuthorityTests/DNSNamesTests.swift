import Authority
import Testing

@Suite("DNS names of an X509-SVID", .timeLimit(.minutes(1)))
struct DNSNamesTests {
    @Test("names keep their order, in lower case and each once")
    func order() throws {
        #expect(
            try DNSNames(["web.Example.org", "localhost", "WEB.example.org", "*.test"]).names
                == ["web.example.org", "localhost", "*.test"])
    }

    @Test(
        "host names are accepted",
        arguments: ["a", "a.b", "1.2", "x--y.example", "*.example.org", "xn--bcher-kva.de"])
    func accepted(name: String) throws {
        #expect(try DNSNames([name]).names == [name])
    }

    @Test(
        "what is no host name is refused",
        arguments: [
            "", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "*", "a.*", "*a.b", "a.*.b", "*.*.b", "bücher.de",
            "\u{212A}.org", "a/b", "a:1", "a\u{0}b", String(repeating: "a", count: 64),
        ])
    func refused(name: String) {
        #expect(throws: DNSNamesError.invalid(name)) { try DNSNames([name]) }
    }

    @Test("a name of 253 bytes is accepted and one of 254 refused")
    func length() throws {
        let label = String(repeating: "a", count: 63)
        let longest = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(longest.utf8.count == 253)
        #expect(try DNSNames([longest]).names == [longest])
        #expect(throws: DNSNamesError.self) { try DNSNames([longest + "b"]) }
    }

    @Test("a wildcard together with a name it covers is refused, in either order")
    func overlap() {
        let error = DNSNamesError.coveredByWildcard("a.example.org", wildcard: "*.example.org")
        #expect(throws: error) { try DNSNames(["*.example.org", "a.example.org"]) }
        #expect(throws: error) { try DNSNames(["a.example.org", "*.example.org"]) }
    }

    @Test("a wildcard together with names it does not cover is accepted")
    func noOverlap() throws {
        let names = ["*.example.org", "example.org", "a.b.example.org", "a.example.com", "*.b.example.org"]
        #expect(throws: DNSNamesError.coveredByWildcard("a.b.example.org", wildcard: "*.b.example.org")) {
            try DNSNames(names)
        }
        #expect(try DNSNames(names.dropLast()).names == names.dropLast())
    }

    @Test("there are at most 256 names")
    func count() throws {
        let names = (0..<257).map { "n\($0)" }
        #expect(try DNSNames(Array(names.prefix(256))).names.count == 256)
        #expect(throws: DNSNamesError.tooMany(limit: 256)) { try DNSNames(names) }
    }
}
