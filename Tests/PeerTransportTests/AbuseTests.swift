import GRPCCore
import NIOCore
import NIOHPACK
import PeerTransport
import ProtoRPC
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Peers that misbehave", .timeLimit(.minutes(1)))
struct AbuseTests {
    private let echo = EchoMethods.unary.path
    private let wait = EchoMethods.wait.path

    /// Whether a new client is served: the server has survived.
    private func expectServes(_ running: RunningServer) async throws {
        try await running.withClient { client in
            let answer = try await client.call(EchoMethods.unary, Text("alive"))
            #expect(answer == Text("alive"))
        }
    }

    @Test("a preface that is not HTTP/2 closes the connection")
    func garbagePreface() async throws {
        var limits = RPCLimits()
        // Longer than the test may take: a silent connection is closed too.
        limits.handshakeTimeout = .seconds(300)
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                #expect(try await connection.next(.data) == nil)
            }
            try await self.expectServes(running)
        }
    }

    @Test(
        "a client that sends no preface is closed after the handshake timeout",
        arguments: [[], Array("PRI * HT".utf8)])
    func silence(beginning: [UInt8]) async throws {
        var limits = RPCLimits()
        limits.handshakeTimeout = .milliseconds(50)
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                // It may be closed before it has begun.
                try? await connection.send(beginning)
                let frame = try await connection.next(.data)
                #expect(frame == nil)
            }
        }
    }

    @Test("a client that has sent its preface may be silent")
    func patience() async throws {
        var limits = RPCLimits()
        limits.handshakeTimeout = .seconds(2)
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                _ = try await connection.settle()
                // Another connection outlives its own handshake timeout meanwhile.
                try await RawConnection.open(running.path) { other in
                    let frame = try await other.next(.data)
                    #expect(frame == nil)
                }
                try await connection.send([.call(1, self.echo), .data(1, RawFrame.message([]), end: true)])
                #expect(try await connection.headers()?.first(name: ":status") == "200")
            }
        }
    }

    @Test("half a frame and then the end closes the connection")
    func halfFrame() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let frame = try RawFrame.call(1, self.echo).bytes
                try await connection.send(Array(frame.prefix(frame.count / 2)))
            }
            try await self.expectServes(running)
        }
    }

    @Test("a frame above the size that was agreed closes the connection")
    func oversizeFrame() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1])
                #expect(try await connection.next(.data) == nil)
            }
            try await self.expectServes(running)
        }
    }

    @Test("header fields far above the limit close the connection")
    func oversizeHeaders() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let field = ("x-large", String(repeating: "a", count: 15_000))
                let block = try RawFrame.call(1, self.echo, extra: [field, field, field, field]).payload
                var frames = [RawFrame(kind: .headers, stream: 1, payload: Array(block.prefix(16_384)))]
                for start in stride(from: 16_384, to: block.count, by: 16_384) {
                    let part = Array(block[start..<min(start + 16_384, block.count)])
                    frames.append(RawFrame(kind: .continuation, stream: 1, payload: part))
                }
                try await connection.send(frames)
                #expect(try await connection.next(.data) == nil)
            }
            try await self.expectServes(running)
        }
    }

    @Test("a message that says it is larger than accepted is refused before it comes")
    func oversizeMessage() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, self.echo), .data(1, [0, 0x7F, 0xFF, 0xFF, 0xFF])])
                #expect(try await connection.headers()?.first(name: "grpc-status") == "8")
            }
        }
    }

    @Test("requests that never end are ended once too much of them is held")
    func unfinishedRequests() async throws {
        var limits = RPCLimits()
        limits.maxBufferedBytesPerConnection = 100_000
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                var statuses: [String?] = []
                for stream in stride(from: UInt32(1), through: 15, by: 2) {
                    let part = [UInt8](repeating: 0, count: 16_000)
                    try await connection.send([.call(stream, self.echo), .data(stream, [0, 0, 0x10, 0, 0] + part)])
                    for frame in try await connection.settle() where frame.kind == .headers {
                        statuses.append(try connection.decode(frame).first(name: "grpc-status"))
                    }
                }
                // Six of them fit; each further one is over the limit.
                #expect(statuses == ["8", "8"])
            }
        }
    }

    @Test("a request is held until its handler has ended, and counted as long")
    func heldRequests() async throws {
        let events = Events()
        var limits = RPCLimits()
        limits.maxBufferedBytesPerConnection = 40_000
        try await withServer(limits: limits, { $0.serveEcho(events) }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let request = RawFrame.message(Text(String(repeating: "x", count: 15_000)).bytes)
                for stream in [UInt32(1), 3] {
                    try await connection.send([.call(stream, self.wait), .data(stream, request, end: true)])
                    #expect(await events.next() == "waiting")
                }
                try await connection.send([.call(5, self.wait), .data(5, request, end: true)])
                let refusal = try #require(try await connection.next(.headers))
                #expect(refusal.stream == 5)
                #expect(try connection.decode(refusal).first(name: "grpc-status") == "8")
                // One that ends makes room.
                try await connection.send([.reset(1)])
                #expect(await events.next() == "cancelled")
                try await connection.send([.call(7, self.echo), .data(7, request, end: true)])
                #expect(try await connection.next(.headers)?.stream == 7)
            }
        }
    }

    @Test("header fields are counted, of calls whose request never comes too")
    func heldHeaders() async throws {
        var limits = RPCLimits()
        limits.maxBufferedBytesPerConnection = 10_000
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for stream in [UInt32(1), 3] {
                    try await connection.send([
                        .call(stream, self.wait, extra: [("x-large", String(repeating: "a", count: 6_000))])
                    ])
                    _ = stream == 1 ? try await connection.settle() : []
                }
                let refusal = try #require(try await connection.next(.headers))
                #expect(refusal.stream == 3)
                #expect(try connection.decode(refusal).first(name: "grpc-status") == "8")
            }
        }
    }

    @Test("a call whose handler does not end counts although it was reset")
    func handlersOutliveCalls() async throws {
        let events = Events()
        let gate = EndSignal()
        var limits = RPCLimits()
        limits.maxStreamsPerPeer = 1
        let stubborn = { (routes: inout RPCRoutes) in
            routes.serveEcho()
            routes.unary(EchoMethods.fail) { request, _ in
                events.add("begun")
                // Does not notice that it is cancelled.
                await Task.detached { await gate.wait() }.value
                return request
            }
        }
        try await withServer(limits: limits, stubborn) { running in
            // The server ends only with its handlers.
            defer { gate.fire() }
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([
                    .call(1, EchoMethods.fail.path), .data(1, RawFrame.message([]), end: true),
                ])
                #expect(await events.next() == "begun")
                try await connection.send([.reset(1), .call(3, self.echo, end: false)])
                #expect(try await connection.headers()?.first(name: "grpc-message") == "too many calls at once")
            }
            // Nor is another connection a way round it.
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, self.echo)])
                #expect(try await connection.headers()?.first(name: "grpc-message") == "too many calls at once")
                gate.fire()
                var stream = UInt32(3)
                while true {
                    try await connection.send([
                        .call(stream, self.echo), .data(stream, RawFrame.message([]), end: true),
                    ])
                    let headers = try #require(try await connection.headers())
                    if headers.first(name: "grpc-status") == nil { break }
                    stream += 2
                }
            }
        }
    }

    @Test("a call that has ended before its turn came is not handled")
    func endedBeforeItsTurn() async {
        let events = Events()
        let ended = EndSignal()
        ended.fire()
        await CallTask(ended: ended) {
            events.add("handled")
            return .success(nil)
        } report: { outcome in
            if case .failure(let error) = outcome { events.add("\(error.code)") }
        }.run()
        #expect(await events.next() == "\(RPCError.Code.cancelled)")
    }

    @Test("resets are counted over all connections of a peer, one after another")
    func resetsOfSeveralConnections() async throws {
        var limits = RPCLimits()
        limits.maxUnansweredResets = 100
        limits.unansweredResetWindow = .seconds(300)
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for number in UInt32(0)..<60 {
                    try await connection.send([.call(2 * number + 1, self.wait), .reset(2 * number + 1)])
                }
                _ = try await connection.settle()
            }
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for number in UInt32(0)..<40 {
                    try await connection.send([.call(2 * number + 1, self.wait), .reset(2 * number + 1)])
                }
                #expect(try await connection.settle().allSatisfy { $0.kind != .goAway })
                try await connection.send([.call(81, self.wait), .reset(81)])
                #expect(try await connection.next(.goAway)?.payload[4..<8] == [0, 0, 0, 11])
            }
        }
    }

    @Test("frames of the last 500 streams that were reset may come late")
    func lateFrames() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let last = UInt32(2 * RPCLimits.maxRecentlyResetStreams - 1)
                for stream in stride(from: UInt32(1), through: last, by: 2) {
                    // Refused, and the client told to stop sending.
                    try await connection.send([.call(stream, "/no/method")])
                    while try #require(try await connection.next(.reset)).stream != stream {}
                }
                try await connection.send([.data(1, RawFrame.message([]), end: true)])
                try await connection.send([
                    .call(last + 2, self.echo), .data(last + 2, RawFrame.message([]), end: true),
                ])
                #expect(try await connection.next(.headers)?.stream == last + 2)
            }
        }
    }

    @Test("a frame of as many settings as accepted is, one of more closes the connection", arguments: [32, 33])
    func manySettings(count: Int) async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let setting: [UInt8] = [0, 4, 0, 0, 0xFF, 0xFF]
                try await connection.send([
                    RawFrame(kind: .settings, payload: (0..<count).flatMap { _ in setting })
                ])
                let closes = try await connection.settle().contains { $0.kind == .goAway }
                #expect(closes == (count > 32))
            }
        }
    }

    @Test("a hundred SETTINGS frames are accepted, more within a second close the connection")
    func settingsFlood() async throws {
        var limits = RPCLimits()
        limits.maxSettingsFramesPerSecond = 100
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                // One is in the preface.
                try await connection.send(RawFrame.preface + (1..<100).flatMap { _ in RawFrame(kind: .settings).bytes })
                #expect(try await connection.settle().allSatisfy { $0.kind != .goAway })
            }
            try await RawConnection.open(running.path) { connection in
                let flood = (1..<2_000).flatMap { _ in RawFrame(kind: .settings).bytes }
                try? await connection.send(RawFrame.preface + flood)
                let goAway = try await connection.next(.goAway)
                #expect(goAway?.payload[4..<8] == [0, 0, 0, 11])
            }
        }
    }

    @Test("resets of calls that were not answered close the connection above the limit, not at it")
    func rapidReset() async throws {
        var limits = RPCLimits()
        limits.maxUnansweredResets = 100
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for number in UInt32(0)..<100 {
                    try await connection.send([.call(2 * number + 1, self.wait), .reset(2 * number + 1)])
                }
                _ = try await connection.settle()
                try await connection.send([.call(201, self.echo), .data(201, RawFrame.message([]), end: true)])
                #expect(try await connection.headers()?.first(name: ":status") == "200")
                try await connection.send([.call(203, self.wait), .reset(203)])
                let goAway = try #require(try await connection.next(.goAway))
                // ENHANCE_YOUR_CALM
                #expect(goAway.payload[4..<8] == [0, 0, 0, 11])
                #expect(try await connection.next(.data) == nil)
            }
            try await self.expectServes(running)
        }
    }

    @Test("resets of answered calls are how clients end streams: any number is fine")
    func resetsOfAnsweredCalls() async throws {
        var limits = RPCLimits()
        limits.maxUnansweredResets = 10
        let answered = { (routes: inout RPCRoutes) in
            routes.serverStream(EchoMethods.stream) { request, _, responses in
                try await responses.write(request)
                await untilCancelled()
            }
        }
        try await withServer(limits: limits, answered) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for number in UInt32(0)..<1_000 {
                    let stream = 2 * number + 1
                    try await connection.send([
                        .call(stream, EchoMethods.stream.path), .data(stream, RawFrame.message([]), end: true),
                    ])
                    #expect(try await connection.next(.data)?.stream == stream)
                    try await connection.send([.reset(stream)])
                }
                #expect(try await connection.settle().allSatisfy { $0.kind != .goAway })
            }
        }
    }

    @Test("more calls at once than allowed are refused, those within go on")
    func tooManyStreams() async throws {
        var limits = RPCLimits()
        limits.maxStreamsPerPeer = 3
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for stream in [UInt32(1), 3, 5, 7] { try await connection.send([.call(stream, self.wait)]) }
                let refused = try #require(try await connection.next(.headers))
                #expect(refused.stream == 7)
                #expect(try connection.decode(refused).first(name: "grpc-message") == "too many calls at once")
                try await connection.send([.reset(1)])
                _ = try await connection.settle()
                try await connection.send([.call(9, self.echo), .data(9, RawFrame.message([]), end: true)])
                #expect(try await connection.next(.headers)?.stream == 9)
            }
        }
    }

    @Test("more connections of a peer than allowed are closed; one that ends makes room")
    func tooManyConnections() async throws {
        var limits = RPCLimits()
        limits.maxConnectionsPerPeer = 2
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { first in
                try await first.send(RawFrame.preface)
                _ = try await first.settle()
                try await RawConnection.open(running.path) { second in
                    try await second.send(RawFrame.preface)
                    _ = try await second.settle()
                    try await RawConnection.open(running.path) { third in
                        let frame = try await third.next()
                        #expect(frame == nil)
                    }
                }
                // The second is gone; its end may reach the server a little later than its successor.
                var served = false
                while !served {
                    served = try await RawConnection.open(running.path) { next in
                        guard (try? await next.send(RawFrame.preface)) != nil else { return false }
                        return try await next.next() != nil
                    }
                }
            }
        }
    }

    @Test("a thousand pings in a row are answered")
    func pings() async throws {
        try await withServer({ $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for _ in 0..<10 {
                    try await connection.send((0..<100).map { _ in RawFrame.ping })
                    for _ in 0..<100 {
                        let answer = try await connection.next(.ping)
                        #expect(answer?.flags == RawFrame.acknowledgement)
                    }
                }
            }
        }
    }

    @Test("pings above the rate close the connection")
    func pingFlood() async throws {
        var limits = RPCLimits()
        limits.maxControlFramesPerSecond = 1_000
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try? await connection.send((0..<5_000).map { _ in RawFrame.ping })
                #expect(try await connection.next(.goAway)?.payload[4..<8] == [0, 0, 0, 11])
                #expect(try await connection.next(.data) == nil)
            }
        }
    }

    @Test("a handler waits for a client that does not read: what it writes ahead is one message")
    func slowReader() async throws {
        let written = Mutex(0)
        let endless = { (routes: inout RPCRoutes) in
            routes.serverStream(EchoMethods.stream) { _, _, responses in
                let message = Text(String(repeating: "z", count: 50_000))
                while true {
                    try await responses.write(message)
                    written.withLock { $0 += 1 }
                }
            }
        }
        try await withServer(endless) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([
                    .call(1, EchoMethods.stream.path), .data(1, RawFrame.message([]), end: true),
                ])
                // The whole window of the stream, which is never widened.
                var received = 0
                while received < 65_535 { received += try #require(try await connection.next(.data)).payload.count }
                #expect(received == 65_535)
                for _ in 0..<100 { #expect(try await connection.settle().allSatisfy { $0.kind != .data }) }
                #expect(written.withLock(\.self) == 1)
                // Widened by the rest of the second message, it is written, and the third begins to wait.
                try await connection.send([.windowUpdate(0, 40_000), .windowUpdate(1, 40_000)])
                while received < 105_535 { received += try #require(try await connection.next(.data)).payload.count }
                for _ in 0..<100 { _ = try await connection.settle() }
                #expect(written.withLock(\.self) == 2)
            }
        }
    }

    @Test("answers that nobody reads are held up to the limit, then calls are refused")
    func unreadAnswers() async throws {
        var limits = RPCLimits()
        limits.maxBufferedBytesPerConnection = 200_000
        let large = { (routes: inout RPCRoutes) in
            routes.immediate(EchoMethods.immediate) { _, _ in Text(String(repeating: "z", count: 90_000)) }
        }
        try await withServer(limits: limits, large) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                for stream in stride(from: UInt32(1), through: 11, by: 2) {
                    try await connection.send([
                        .call(stream, EchoMethods.immediate.path), .data(stream, RawFrame.message([]), end: true),
                    ])
                }
                var refused: [UInt32] = []
                for frame in try await connection.settle() where frame.kind == .headers {
                    if try connection.decode(frame).first(name: "grpc-status") == "8" { refused.append(frame.stream) }
                }
                // Three answers wait: the third was begun when two were below the limit.
                #expect(refused == [7, 9, 11])
            }
        }
    }

    @Test(
        "answers that nobody reads are held up to the limit, of calls that all began before too",
        arguments: [EchoMethods.immediate, EchoMethods.unary])
    func unreadAnswersOfOpenCalls(method: RPCMethod<Text, Text>) async throws {
        var limits = RPCLimits()
        limits.maxBufferedBytesPerConnection = 200_000
        let large = { (routes: inout RPCRoutes) in
            let answer = Text(String(repeating: "z", count: 90_000))
            routes.immediate(EchoMethods.immediate) { _, _ in answer }
            routes.unary(EchoMethods.unary) { _, _ in answer }
        }
        try await withServer(limits: limits, large) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                let streams = (0..<6).map { UInt32(2 * $0 + 1) }
                try await connection.send(streams.map { try .call($0, method.path) })
                try await connection.send(streams.map { .data($0, RawFrame.message([]), end: true) })
                var refused = 0
                for _ in streams {
                    let headers = try #require(try await connection.headers())
                    if headers.first(name: "grpc-status") == "8" { refused += 1 }
                }
                #expect(refused == 3)
            }
        }
    }

    @Test("a client may send only so much ahead of a handler that does not take it")
    func slowHandler() async throws {
        let events = Events()
        let deaf = { (routes: inout RPCRoutes) in
            routes.bidirectional(EchoMethods.converse) { requests, _, responses in
                events.add("begun")
                for await event in events.stream where event == "listen" { break }
                var count = 0
                for try await _ in requests { count += 1 }
                try await responses.write(Text("\(count)"))
            }
        }
        try await withServer(deaf) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, EchoMethods.converse.path)])
                let message = RawFrame.message([0x0A, 0xFE, 0x7E] + [UInt8](repeating: 0x61, count: 16_254))
                for _ in 0..<4 {
                    for part in stride(from: 0, to: message.count, by: 10_000) {
                        try await connection.send([.data(1, Array(message[part..<min(part + 10_000, message.count)]))])
                    }
                }
                // 65,048 of the 65,535 bytes are used, and none is granted again for the stream.
                #expect(try await connection.settle().allSatisfy { $0.kind != .windowUpdate || $0.stream == 0 })
                events.add("listen")
                var granted: UInt32 = 0
                while granted < 30_000 {
                    let update = try #require(try await connection.next(.windowUpdate))
                    guard update.stream == 1 else { continue }
                    granted += update.payload.reduce(0) { $0 << 8 | UInt32($1) }
                }
                try await connection.send([.data(1, message, end: true)])
                #expect(try await connection.next(.data)?.payload == RawFrame.message([0x0A, 1, 0x35]))
            }
        }
    }
}

extension Text {
    fileprivate var bytes: [UInt8] {
        // A message of one string encodes.
        (try? self.serializedBytes()) ?? []
    }
}
