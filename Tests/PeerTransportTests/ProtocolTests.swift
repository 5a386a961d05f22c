import NIOHPACK
import PeerTransport
import ProtoRPC
import SwiftProtobuf
import Testing

@Suite("The gRPC protocol, frame by frame", .timeLimit(.minutes(1)))
struct ProtocolTests {
    private let echo = EchoMethods.unary.path

    /// Sends frames behind the preface and returns the header fields of the first answer.
    private func answer(to frames: [RawFrame], limits: RPCLimits = RPCLimits()) async throws -> HPACKHeaders {
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send(frames)
                return try #require(try await connection.headers())
            }
        }
    }

    @Test("a request that is not gRPC is HTTP 415")
    func mediaType() async throws {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", self.echo), (":authority", "x"),
            ("content-type", "application/json"),
        ]
        #expect(try await self.answer(to: [.headers(1, fields, end: true)]) == [":status": "415"])
    }

    @Test("any authority is accepted")
    func authority() async throws {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", self.echo), (":authority", "%2Ftmp%2Fa.sock"),
            ("content-type", "application/grpc"),
        ]
        #expect(
            try await self.answer(to: [.headers(1, fields), .data(1, RawFrame.message([]), end: true)])
                == [":status": "200", "content-type": "application/grpc"])
    }

    @Test("a compressed message is UNIMPLEMENTED, and the codings that are accepted are told")
    func compressed() async throws {
        let frames = try [
            RawFrame.call(1, self.echo, extra: [("grpc-encoding", "gzip")]),
            .data(1, RawFrame.message([1, 2, 3], flag: 1), end: true),
        ]
        #expect(
            try await self.answer(to: frames) == [
                ":status": "200", "content-type": "application/grpc", "grpc-status": "12",
                "grpc-message": "compressed messages are not accepted", "grpc-accept-encoding": "identity",
            ])
    }

    @Test("bytes that are not the message are INTERNAL")
    func undecodable() async throws {
        let headers = try await self.answer(to: [
            .call(1, self.echo), .data(1, RawFrame.message([0xFF, 0xFF, 0xFF]), end: true),
        ])
        #expect(headers.first(name: "grpc-status") == "13")
        #expect(headers.first(name: "grpc-message") == "the request message cannot be decoded")
    }

    @Test("a malformed timeout is INTERNAL")
    func timeout() async throws {
        let headers = try await self.answer(to: [.call(1, self.echo, extra: [("grpc-timeout", "soon")])])
        #expect(headers.first(name: "grpc-status") == "13")
    }

    @Test("a deadline is kept by the server, whether the client knows or not")
    func deadline() async throws {
        let frames = try [
            RawFrame.call(1, EchoMethods.wait.path, extra: [("grpc-timeout", "1m")]),
            .data(1, RawFrame.message([]), end: true),
        ]
        #expect(
            try await self.answer(to: frames) == [
                ":status": "200", "content-type": "application/grpc", "grpc-status": "4",
                "grpc-message": "the deadline has passed",
            ])
    }

    @Test("a request that does not come to its end is answered at its deadline")
    func deadlineOfRequest() async throws {
        let headers = try await self.answer(to: [.call(1, self.echo, extra: [("grpc-timeout", "1m")])])
        #expect(headers.first(name: "grpc-status") == "4")
    }

    @Test("a timeout of more years than there are is no error")
    func hugeTimeout() async throws {
        let headers = try await self.answer(to: [
            .call(1, EchoMethods.immediate.path, extra: [("grpc-timeout", "99999999H")]),
            .data(1, RawFrame.message([]), end: true),
        ])
        #expect(headers == [":status": "200", "content-type": "application/grpc"])
    }

    @Test("metadata above the limit is RESOURCE_EXHAUSTED and the connection lives on")
    func metadata() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                // Once the server's settings are acknowledged its own limit of header fields is in force.
                _ = try await connection.next(.settings)
                try await connection.send([RawFrame(kind: .settings, flags: RawFrame.acknowledgement)])
                let large = String(repeating: "a", count: RPCLimits().maxMetadataBytes)
                try await connection.send([.call(1, self.echo, extra: [("x-large", large)], end: true)])
                let refused = try #require(try await connection.headers())
                #expect(refused.first(name: "grpc-status") == "8")
                try await connection.send([.call(3, self.echo), .data(3, RawFrame.message([]), end: true)])
                #expect(try await connection.headers() == [":status": "200", "content-type": "application/grpc"])
            }
        }
    }

    @Test("a client that goes on sending after its answer is told to stop, and is not disturbed otherwise")
    func early() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, "/no/such")])
                #expect(try await connection.headers()?.first(name: "grpc-status") == "12")
                #expect(try await connection.next(.reset)?.payload == [0, 0, 0, 0])
                try await connection.send([.data(1, RawFrame.message([1])), .data(1, [], end: true)])
                try await connection.send([.call(3, self.echo), .data(3, RawFrame.message([]), end: true)])
                #expect(try await connection.headers() == [":status": "200", "content-type": "application/grpc"])
            }
        }
    }

    @Test("an answer ends with its status in the trailers")
    func trailers() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([
                    .call(1, self.echo), .data(1, RawFrame.message([0x0A, 1, 0x68]), end: true),
                ])
                _ = try await connection.headers()
                #expect(try await connection.next(.data)?.payload == [0, 0, 0, 0, 3, 0x0A, 1, 0x68])
                let last = try #require(try await connection.next(.headers))
                #expect(last.endsStream)
                #expect(try connection.decode(last) == ["grpc-status": "0"])
            }
        }
    }
}
