import GRPCCore
import NIOCore
import NIOHPACK
import PeerTransport
import Testing

@Suite("The header fields of a response", .timeLimit(.minutes(1)))
struct ResponseHeadersTests {
    @Test(
        "a message is percent-encoded outside of printable ASCII",
        arguments: [
            ("plain text ~", "plain text ~"), ("100%", "100%25"), ("line\nbreak", "line%0Abreak"), ("é", "%C3%A9"),
            ("", ""),
        ])
    func percentEncoding(message: String, encoded: String) {
        #expect(ResponseHeaders.percentEncoded(message) == encoded)
    }

    @Test("an error without a response is one block of header fields, with its metadata in lower case")
    func trailersOnly() {
        let error = RPCError(
            code: .notFound, message: "nothing", metadata: ["X-Reason": "gone", "detail-bin": .binary([0xFF])])
        #expect(
            ResponseHeaders.trailersOnly(error) == [
                ":status": "200", "content-type": "application/grpc", "grpc-status": "5", "grpc-message": "nothing",
                "x-reason": "gone", "detail-bin": "/w==",
            ])
    }

    @Test("a message that is too long ends before the character that does not fit")
    func longMessage() {
        let plain = String(repeating: "a", count: ResponseHeaders.maxMessageBytes)
        #expect(ResponseHeaders.percentEncoded(plain) == plain)
        #expect(ResponseHeaders.percentEncoded(plain + "b") == plain)
        // %C3%A9 does not fit behind one letter less six.
        let cut = String(plain.dropLast(5))
        #expect(ResponseHeaders.percentEncoded(cut + "é") == cut)
        #expect(ResponseHeaders.percentEncoded(String(cut.dropLast()) + "é") == cut.dropLast() + "%C3%A9")
    }

    @Test("metadata that is too large is left out, what fits is kept")
    func largeMetadata() {
        let error = RPCError(
            code: .notFound, message: "",
            metadata: ["large": .string(String(repeating: "a", count: 4_092)), "x": "small"])
        #expect(ResponseHeaders.trailers(error) == ["grpc-status": "5", "x": "small"])
    }

    @Test("what fits fits into one HEADERS frame, however badly it compresses")
    func worstCase() throws {
        let error = RPCError(
            code: .notFound, message: String(repeating: "\\", count: 10_000),
            metadata: ["a-bin": .binary([UInt8](repeating: 0xFB, count: 3_000))])
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        var block = ByteBuffer()
        try encoder.encode(headers: ResponseHeaders.trailersOnly(error), to: &block)
        #expect(block.readableBytes > 8_192)
        #expect(block.readableBytes <= 16_384)
    }

    @Test("what differs from error to error is kept out of the compression table")
    func indexing() {
        let error = RPCError(code: .notFound, message: "nothing", metadata: ["x-reason": "gone"])
        let plain = ResponseHeaders.trailersOnly(error).filter { $0.indexable == .indexable }.map(\.name)
        #expect(plain == [":status", "content-type", "grpc-status"])
    }

    @Test("an error behind messages has no HTTP status again")
    func trailers() {
        let error = RPCError(code: .aborted, message: "")
        #expect(ResponseHeaders.trailers(error) == ["grpc-status": "10"])
    }
}
