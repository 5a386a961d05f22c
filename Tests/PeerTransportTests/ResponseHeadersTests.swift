import GRPCCore
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

    @Test("an error behind messages has no HTTP status again")
    func trailers() {
        let error = RPCError(code: .aborted, message: "")
        #expect(ResponseHeaders.trailers(error) == ["grpc-status": "10"])
    }
}
