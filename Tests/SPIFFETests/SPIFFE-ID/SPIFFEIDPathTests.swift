import SPIFFE
import Testing

@Suite("SPIFFE-ID §2.2 the path", .timeLimit(.minutes(1)))
struct SPIFFEIDPathTests {
    @Test("SID-12: percent-encoding in the path is refused", arguments: ["/%61", "/a%2Fb", "/%F0%9F%A4%AF"])
    func percentEncoding(_ path: String) throws {
        try self.expectRefused(path, .percentEncoding)
    }

    @Test("SID-13: an empty segment is refused", arguments: ["//", "//a", "/a//b", "/a//"])
    func emptySegment(_ path: String) throws {
        try self.expectRefused(path, .emptySegment)
    }

    @Test("SID-14: the segments . and .. are refused", arguments: ["/.", "/..", "/./a", "/a/../b", "/a/.."])
    func dotSegment(_ path: String) throws {
        try self.expectRefused(path, .dotSegment)
    }

    @Test("SID-14: dots beside other bytes, and three of them, are a name", arguments: ["/.a", "/..a", "/...", "/a."])
    func dots(_ path: String) throws {
        #expect(try SPIFFEID(parsing: "spiffe://example.org" + path).path == path)
    }

    @Test("SID-15: a slash at the end is refused, and so is one alone", arguments: ["/", "/a/"])
    func trailingSlash(_ path: String) throws {
        try self.expectRefused(path, .trailingSlash)
    }

    @Test("SID-15: no path is a path")
    func noPath() throws {
        #expect(try SPIFFEID(parsing: "spiffe://example.org").path == "")
        #expect(try SPIFFEID(trustDomain: TrustDomain(parsing: "example.org"), path: "").uri == "spiffe://example.org")
    }

    @Test("SID-16: of all bytes, 65 may stand in a segment")
    func segmentBytes() {
        var accepted: [UInt8] = []
        for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: "/") {
            let bytes = Array("spiffe://td/p".utf8) + [byte]
            if let id = try? SPIFFEID(parsing: bytes) {
                accepted.append(byte)
                #expect(Array(id.uri.utf8) == bytes)
            }
        }
        let letters = Array(UInt8(0x41)...0x5A) + [0x5F] + Array(UInt8(0x61)...0x7A)
        #expect(accepted == [0x2D, 0x2E] + Array(UInt8(0x30)...0x39) + letters)
        #expect(accepted.count == 65)
    }

    @Test("a path that does not begin with a slash is refused")
    func relativePath() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        #expect(throws: SPIFFEIDError.relativePath) { try SPIFFEID(trustDomain: trustDomain, path: "a") }
    }

    private func expectRefused(_ path: String, _ error: SPIFFEIDError) throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        #expect(throws: error) { try SPIFFEID(parsing: "spiffe://example.org" + path) }
        #expect(throws: error) { try SPIFFEID(trustDomain: trustDomain, path: path) }
    }
}
