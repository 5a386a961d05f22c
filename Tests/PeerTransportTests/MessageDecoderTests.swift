import NIOCore
import PeerTransport
import Testing

@Suite("Message framing", .timeLimit(.minutes(1)))
struct MessageDecoderTests {
    private func bytes(_ buffer: ByteBuffer?) -> [UInt8]? {
        buffer.map { Array($0.readableBytesView) }
    }

    @Test("a message is found whatever pieces it comes in", arguments: 1...9)
    func pieces(size: Int) throws {
        let stream: [UInt8] = [0, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9]
        var decoder = MessageDecoder(maxMessageBytes: 3)
        var messages: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            decoder.append(ByteBuffer(bytes: stream[start..<min(start + size, stream.count)]))
            while let message = self.bytes(try decoder.next()) { messages.append(message) }
            decoder.compact()
        }
        #expect(messages == [[1, 2, 3], [], [9]])
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("a length above the limit is refused before the message has come")
    func tooLarge() {
        var decoder = MessageDecoder(maxMessageBytes: 10)
        decoder.append(ByteBuffer(bytes: [0, 0, 0, 0, 11]))
        #expect(throws: MessageFramingError.tooLarge(bytes: 11, limit: 10)) { try decoder.next() }
    }

    @Test("the largest length there is does not overflow")
    func largest() {
        var decoder = MessageDecoder(maxMessageBytes: 10)
        decoder.append(ByteBuffer(bytes: [0, 0xFF, 0xFF, 0xFF, 0xFF]))
        #expect(throws: MessageFramingError.tooLarge(bytes: 4_294_967_295, limit: 10)) { try decoder.next() }
    }

    @Test("a compressed message is refused")
    func compressed() {
        var decoder = MessageDecoder(maxMessageBytes: 10)
        decoder.append(ByteBuffer(bytes: [1, 0, 0, 0, 0]))
        #expect(throws: MessageFramingError.compressed) { try decoder.next() }
    }

    @Test("a flag that gRPC does not know is refused")
    func unknownFlag() {
        var decoder = MessageDecoder(maxMessageBytes: 10)
        decoder.append(ByteBuffer(bytes: [7, 0, 0, 0, 0]))
        #expect(throws: MessageFramingError.unknownFlag(7)) { try decoder.next() }
    }

    @Test("a message is framed with its length")
    func framing() {
        #expect(self.bytes(.framing(message: [5, 6])) == [0, 0, 0, 0, 2, 5, 6])
    }
}
