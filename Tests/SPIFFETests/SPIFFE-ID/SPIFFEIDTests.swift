import SPIFFE
import Testing

@Suite("SPIFFE-ID §2 the ID as a URI", .timeLimit(.minutes(1)))
struct SPIFFEIDTests {
    @Test("SID-01: the scheme is spiffe in lower case, with two slashes after it")
    func scheme() throws {
        #expect(try SPIFFEID(parsing: "spiffe://example.org/a").uri == "spiffe://example.org/a")
        for text in [
            "", "s", "spiffe:/example.org/a", "spiffe:example.org", "https://example.org/a", "//example.org/a",
        ] {
            #expect(throws: SPIFFEIDError.wrongScheme) { try SPIFFEID(parsing: text) }
        }
    }

    @Test("SID-02: the trust domain name has at least one byte", arguments: ["spiffe://", "spiffe:///", "spiffe:///a"])
    func emptyTrustDomain(_ text: String) throws {
        #expect(throws: SPIFFEIDError.emptyTrustDomain) { try SPIFFEID(parsing: text) }
    }

    @Test("SID-02: one byte is enough")
    func shortTrustDomain() throws {
        let id = try SPIFFEID(parsing: "spiffe://a")
        #expect(id.trustDomain.name == "a")
        #expect(id.path == "")
    }

    @Test(
        "SID-03: a query component is refused, even an empty one",
        arguments: ["spiffe://example.org/a?x=1", "spiffe://example.org/a?", "spiffe://example.org?"])
    func query(_ text: String) {
        #expect(throws: SPIFFEIDError.query) { try SPIFFEID(parsing: text) }
    }

    @Test(
        "SID-04: a fragment component is refused, even an empty one",
        arguments: ["spiffe://example.org/a#f", "spiffe://example.org/a#", "spiffe://example.org#"])
    func fragment(_ text: String) {
        #expect(throws: SPIFFEIDError.fragment) { try SPIFFEID(parsing: text) }
    }

    @Test("SID-04: a fragment in a certificate is refused", arguments: Vector.all("x509-svid", rule: "SID-04"))
    func fragmentInCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "SID-17: a path may have many segments, and a prefix has no meaning but that which a caller asks for",
        arguments: ["spiffe://example.org/ns/prod/sa/web"])
    func manySegments(_ text: String) throws {
        let id = try SPIFFEID(parsing: text)
        #expect(id.path == "/ns/prod/sa/web")
        #expect(id.isUnder(segments: ["ns", "prod"]))
        #expect(!id.isUnder(segments: ["ns", "pro"]))
        #expect(!id.isUnder(segments: ["ns", "prod", "sa", "web"]), "it is that ID itself")
        #expect(!id.isReserved)
    }

    @Test("SID-18: an ID of 2048 bytes is parsed, compared and written")
    func longest() throws {
        let text = "spiffe://example.org/" + String(repeating: "a", count: 2027)
        #expect(text.utf8.count == 2048)
        let id = try SPIFFEID(parsing: text)
        #expect(id.uri == text)
        #expect(try SPIFFEID(trustDomain: id.trustDomain, path: id.path) == id)
    }

    @Test("SID-19: an ID of 2049 bytes is neither parsed nor made")
    func tooLong() throws {
        let path = "/" + String(repeating: "a", count: 2028)
        #expect(throws: SPIFFEIDError.tooLong(bytes: 2049)) { try SPIFFEID(parsing: "spiffe://example.org" + path) }
        let trustDomain = try TrustDomain(parsing: "example.org")
        #expect(throws: SPIFFEIDError.tooLong(bytes: 2049)) { try SPIFFEID(trustDomain: trustDomain, path: path) }
    }

    @Test("SID-21: the path is compared with case; upper case elsewhere is refused")
    func comparison() throws {
        #expect(try SPIFFEID(parsing: "spiffe://example.org/A") != SPIFFEID(parsing: "spiffe://example.org/a"))
        #expect(throws: SPIFFEIDError.wrongScheme) { try SPIFFEID(parsing: "Spiffe://example.org/a") }
        #expect(throws: SPIFFEIDError.upperCaseTrustDomain) { try SPIFFEID(parsing: "spiffe://example.Org/a") }
    }

    @Test(
        "SID-35: nothing is trimmed and nothing is mapped",
        arguments: [
            " spiffe://example.org/a", "spiffe://example.org/a ", "spiffe://example.org/a\t",
            "spiffe://example.org/a\n",
            "spiffe://example.org/a\0", "spiffe://exämple.org/a", "spiffe://example\u{FF0E}org/a", "\u{FEFF}spiffe://a",
        ])
    func nothingIsMapped(_ text: String) {
        #expect(throws: SPIFFEIDError.self) { try SPIFFEID(parsing: text) }
    }

    @Test("SID-37: there is no unset ID: the empty string is refused, and a bad one changes nothing")
    func noUnsetID() throws {
        var id = try? SPIFFEID(parsing: "spiffe://example.org/a")
        #expect(throws: SPIFFEIDError.wrongScheme) { id = try SPIFFEID(parsing: "") }
        #expect(throws: SPIFFEIDError.wrongScheme) { id = try SPIFFEID(parsing: "BAD") }
        #expect(id?.uri == "spiffe://example.org/a")
    }

    @Test("the paths of servers and agents are reserved", arguments: ["/spire", "/spire/server", "/spire/agent/x/y"])
    func reserved(_ path: String) throws {
        #expect(try SPIFFEID(trustDomain: TrustDomain(parsing: "a"), path: path).isReserved)
        #expect(try !SPIFFEID(trustDomain: TrustDomain(parsing: "a"), path: "/x" + path).isReserved)
        #expect(try !SPIFFEID(trustDomain: TrustDomain(parsing: "a"), path: "/spirex").isReserved)
    }

    @Test("IDs are ordered by trust domain, then by path")
    func order() throws {
        let texts = ["spiffe://a", "spiffe://a/b", "spiffe://a/b/c", "spiffe://a-b", "spiffe://b"]
        let ids = try texts.map { try SPIFFEID(parsing: $0) }
        #expect(ids.reversed().sorted() == ids)
        #expect(ids.map(\.description) == texts)
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() {
        let errors: [SPIFFEIDError] = [
            .tooLong(bytes: 3000), .wrongScheme, .emptyTrustDomain, .trustDomainTooLong(bytes: 300), .userInfo, .port,
            .upperCaseTrustDomain, .trustDomainByte(0x00), .query, .fragment, .percentEncoding, .relativePath,
            .emptySegment, .dotSegment, .trailingSlash, .pathByte(UInt8(ascii: "~")),
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
        #expect(SPIFFEIDError.pathByte(UInt8(ascii: "~")).description.contains("'~'"))
        #expect(SPIFFEIDError.trustDomainByte(0x0A).description.contains("0x0A"))
    }
}
