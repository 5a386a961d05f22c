import SPIFFE
import Testing

@Suite("SPIFFE-ID §2.1 the trust domain", .timeLimit(.minutes(1)))
struct TrustDomainTests {
    @Test(
        "SID-05: the host is never empty, whatever else the authority has",
        arguments: [
            ("spiffe://:80/a", SPIFFEIDError.port), ("spiffe://@/a", .userInfo), ("spiffe://u@/a", .userInfo),
            ("spiffe:///a", .emptyTrustDomain),
        ])
    func emptyHost(_ text: String, _ error: SPIFFEIDError) {
        #expect(throws: error) { try SPIFFEID(parsing: text) }
    }

    @Test(
        "SID-06: a userinfo part is refused",
        arguments: ["spiffe://u@example.org/a", "spiffe://u:p@example.org", "spiffe://@example.org/a"])
    func userInfo(_ text: String) {
        #expect(throws: SPIFFEIDError.userInfo) { try SPIFFEID(parsing: text) }
    }

    @Test("SID-07: a port is refused", arguments: ["spiffe://example.org:8443/a", "spiffe://example.org:/a"])
    func port(_ text: String) {
        #expect(throws: SPIFFEIDError.port) { try SPIFFEID(parsing: text) }
    }

    @Test("SID-08: the trust domain is in lower case", arguments: ["spiffe://Example.org/a", "spiffe://example.orG"])
    func lowerCase(_ text: String) {
        #expect(throws: SPIFFEIDError.upperCaseTrustDomain) { try SPIFFEID(parsing: text) }
    }

    @Test(
        "SID-08: an upper-case trust domain in a certificate is refused",
        arguments: Vector.all("x509-svid", rule: "SID-08"))
    func lowerCaseInCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-09: of all bytes, 39 may stand in a trust domain name")
    func trustDomainBytes() throws {
        var accepted: [UInt8] = []
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: "/") {
            let bytes = Array("spiffe://td".utf8) + [byte] + Array("/p".utf8)
            if let id = try? SPIFFEID(parsing: bytes) {
                accepted.append(byte)
                #expect(Array(id.uri.utf8) == bytes)
            }
        }
        let expected = [0x2D, 0x2E] + Array(UInt8(0x30)...0x39) + [0x5F] + Array(UInt8(0x61)...0x7A)
        #expect(accepted == expected)
        #expect(accepted.count == 39)
    }

    @Test(
        "SID-10: percent-encoding in the trust domain is refused",
        arguments: ["spiffe://%65xample.org/a", "spiffe://%F0%9F%A4%AF/path"])
    func percentEncoding(_ text: String) {
        #expect(throws: SPIFFEIDError.percentEncoding) { try SPIFFEID(parsing: text) }
    }

    @Test(
        "SID-11: names that look like addresses or DNS names are names",
        arguments: ["10.1.2.3", "999.999.999.999", "a_b", "localhost", "example.org", "example.org.", "a..b", "-", "."])
    func lookAlikes(_ name: String) throws {
        #expect(try SPIFFEID(parsing: "spiffe://\(name)/a").trustDomain.name == name)
        #expect(try TrustDomain(parsing: name).name == name)
    }

    @Test("SID-11: names are compared byte by byte")
    func bytewise() throws {
        #expect(try TrustDomain(parsing: "example.org.") != TrustDomain(parsing: "example.org"))
        #expect(throws: SPIFFEIDError.trustDomainByte(UInt8(ascii: "["))) { try SPIFFEID(parsing: "spiffe://[::1]/a") }
    }

    @Test("SID-20: a trust domain name has at most 255 bytes")
    func length() throws {
        #expect(try SPIFFEID(parsing: "spiffe://" + String(repeating: "a", count: 255)).path == "")
        #expect(throws: SPIFFEIDError.trustDomainTooLong(bytes: 256)) {
            try SPIFFEID(parsing: "spiffe://" + String(repeating: "a", count: 256))
        }
        #expect(throws: SPIFFEIDError.trustDomainTooLong(bytes: 256)) {
            try TrustDomain(parsing: String(repeating: "a", count: 256))
        }
    }

    @Test(
        "SID-33: a bare name or an ID gives its trust domain",
        arguments: ["example.org", "spiffe://example.org", "spiffe://example.org/x"])
    func nameOrID(_ text: String) throws {
        let trustDomain = try TrustDomain(nameOrID: text)
        #expect(trustDomain.name == "example.org")
        #expect(trustDomain.id.uri == "spiffe://example.org")
    }

    @Test(
        "SID-33: anything else is refused",
        arguments: ["spiffe:/example.org", "BAD", "", "spiffe://", "a/b", "spiffe://a/"])
    func neitherNameNorID(_ text: String) {
        #expect(throws: SPIFFEIDError.self) { try TrustDomain(nameOrID: text) }
    }

    @Test(
        "SID-36: names with empty labels are parsed and told apart",
        arguments: [("a..b", true), (".a", true), ("a.", true), ("a.b", false), ("a", false)])
    func emptyLabels(_ name: String, _ hasEmptyLabel: Bool) throws {
        #expect(try TrustDomain(parsing: name).hasEmptyLabel == hasEmptyLabel)
    }
}
