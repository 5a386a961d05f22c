import Authority
import SPIFFE
import Testing

@Suite("DNS names of an X509-SVID", .timeLimit(.minutes(1)))
struct DNSNamesTests {
    @Test("names keep their order, in lower case and each once")
    func order() throws {
        #expect(
            try DNSNames(["web.Example.org", "localhost", "WEB.example.org", "*.test"]).names
                == ["web.example.org", "localhost", "*.test"])
    }

    @Test("what is no host name is refused, and said why")
    func refused() {
        #expect(throws: DNSNamesError.invalid("a..b", .emptyLabel)) { try DNSNames(["a..b"]) }
        #expect(throws: DNSNamesError.invalid("\u{212A}.org", .invalidByte(0xE2))) { try DNSNames(["\u{212A}.org"]) }
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
