import GRPCCore
import NIOCore
import PeerTransport
import Testing

@Suite("The life of a call", .timeLimit(.minutes(1)))
struct CallStateMachineTests {
    private func framed(_ bytes: UInt8...) -> ByteBuffer { .framing(message: bytes) }
    private func plain(_ bytes: UInt8...) -> ByteBuffer { ByteBuffer(bytes: bytes) }
    private let cardinality = RPCError(code: .unimplemented, message: "the method takes one request message")

    @Test("one request starts its handler when the client has ended the request")
    func one() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(call.receive(self.framed(1), ended: false) == .nothing)
        #expect(call.bufferedBytes == 1)
        #expect(call.receive(ByteBuffer(), ended: true) == .start(self.plain(1)))
        #expect(call.bufferedBytes == 0)
    }

    @Test("one request may come in pieces and end with the last")
    func pieces() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(call.receive(self.plain(0, 0, 0), ended: false) == .nothing)
        #expect(call.bufferedBytes == 3)
        #expect(call.receive(self.plain(0, 1, 9), ended: true) == .start(self.plain(9)))
    }

    @Test("a request that waits keeps no larger buffer alive than it needs")
    func storage() {
        var read = ByteBuffer(repeating: 0, count: 50_000)
        var call = CallStateMachine(requests: .many, maxRequestBytes: 10)
        guard case .deliver(let messages, _) = call.receive(read.readSlice(length: 10) ?? read, ended: false) else {
            Issue.record("two empty messages")
            return
        }
        #expect(messages.map(\.storageCapacity) == [0, 0])
        read = ByteBuffer(bytes: [0, 0, 0, 0, 1, 9] + [UInt8](repeating: 0, count: 50_000))
        #expect(read.readableBytes < read.storageCapacity)
        let slice = read.getSlice(at: 5, length: 1)?.compacted()
        #expect(slice == ByteBuffer(bytes: [9]))
        #expect(slice.map { $0.storageCapacity < 100 } == true)
    }

    @Test("a second message is refused where one is wanted")
    func second() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(call.receive(self.framed(1), ended: false) == .nothing)
        #expect(call.receive(self.framed(2), ended: true) == .refuse(self.cardinality))
    }

    @Test("no message is refused where one is wanted")
    func none() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(call.receive(ByteBuffer(), ended: true) == .refuse(self.cardinality))
    }

    @Test("a request that ends within a message is refused")
    func truncated() {
        var call = CallStateMachine(requests: .many, maxRequestBytes: 10)
        #expect(
            call.receive(self.plain(0, 0), ended: true)
                == .refuse(RPCError(code: .internalError, message: "the request ends within a message")))
    }

    @Test("many requests are delivered as they come")
    func many() {
        var call = CallStateMachine(requests: .many, maxRequestBytes: 10)
        var two = self.framed(1)
        two.writeImmutableBuffer(self.framed(2))
        #expect(call.receive(two, ended: false) == .deliver([self.plain(1), self.plain(2)], ended: false))
        #expect(call.receive(self.plain(0), ended: false) == .nothing)
        #expect(call.receive(self.plain(0, 0, 0, 0), ended: true) == .deliver([self.plain()], ended: true))
    }

    @Test("a compressed message is refused with the codings that are accepted")
    func compressed() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(
            call.receive(self.plain(1, 0, 0, 0, 0), ended: true)
                == .refuse(
                    RPCError(
                        code: .unimplemented, message: "compressed messages are not accepted",
                        metadata: ["grpc-accept-encoding": "identity"])))
    }

    @Test("the first message is preceded by header fields, the status of a response with messages follows them")
    func response() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(!call.isAnswered)
        #expect(call.send() == .headersAndMessage)
        #expect(call.isAnswered)
        #expect(call.send() == .message)
        #expect(call.end() == .trailers)
        #expect(call.responseHasEnded)
    }

    @Test("a response without messages is one block of header fields")
    func trailersOnly() {
        var call = CallStateMachine(requests: .one, maxRequestBytes: 10)
        #expect(call.end() == .trailersOnly)
    }

    @Test("once the response has ended nothing is sent, and what comes is dropped")
    func ended() {
        var call = CallStateMachine(requests: .many, maxRequestBytes: 10)
        #expect(call.receive(self.plain(0, 0), ended: false) == .nothing)
        _ = call.end()
        #expect(call.bufferedBytes == 0)
        #expect(call.send() == .drop)
        #expect(call.end() == .drop)
        #expect(call.receive(self.framed(1), ended: false) == .nothing)
        #expect(!call.requestHasEnded)
        #expect(call.receive(ByteBuffer(), ended: true) == .nothing)
        #expect(call.requestHasEnded)
    }
}
