import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// One HTTP/2 frame as it is on the wire.
struct RawFrame: Sendable, Hashable {
    enum Kind: UInt8, Sendable {
        case data = 0
        case headers = 1
        case priority = 2
        case reset = 3
        case settings = 4
        case pushPromise = 5
        case ping = 6
        case goAway = 7
        case windowUpdate = 8
        case continuation = 9
    }

    static let endStream: UInt8 = 1
    static let acknowledgement: UInt8 = 1
    static let endHeaders: UInt8 = 4

    var kind: Kind
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]

    init(kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, payload: [UInt8] = []) {
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    var bytes: [UInt8] {
        let length = UInt32(self.payload.count)
        return length.bytes.dropFirst() + [self.kind.rawValue, self.flags] + self.stream.bytes + self.payload
    }

    var endsStream: Bool { self.flags & Self.endStream != 0 }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + RawFrame(kind: .settings).bytes
    static let ping = RawFrame(kind: .ping, payload: [1, 2, 3, 4, 5, 6, 7, 8])

    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> RawFrame {
        RawFrame(kind: .data, flags: end ? Self.endStream : 0, stream: stream, payload: payload)
    }

    static func reset(_ stream: UInt32) -> RawFrame {
        RawFrame(kind: .reset, stream: stream, payload: UInt32(8).bytes)
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> RawFrame {
        RawFrame(kind: .windowUpdate, stream: stream, payload: increment.bytes)
    }

    /// The header fields of a call, encoded without the dynamic table.
    static func call(
        _ stream: UInt32, _ path: String, extra: [(String, String)] = [], end: Bool = false
    ) throws -> RawFrame {
        try .headers(
            stream,
            [
                (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
                ("content-type", "application/grpc"), ("te", "trailers"),
            ] + extra, end: end)
    }

    static func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool = false) throws -> RawFrame {
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        var buffer = ByteBuffer()
        var headers = HPACKHeaders()
        for (name, value) in fields { headers.add(name: name, value: value, indexing: .nonIndexable) }
        try encoder.encode(headers: headers, to: &buffer)
        return RawFrame(
            kind: .headers, flags: Self.endHeaders | (end ? Self.endStream : 0), stream: stream,
            payload: Array(buffer.readableBytesView))
    }

    /// Takes the first frame of what was received; nil where it is not complete.
    init?(takenFrom received: inout ByteBuffer) {
        let start = received.readerIndex
        guard let word = received.getInteger(at: start, as: UInt32.self),
            let flags = received.getInteger(at: start + 4, as: UInt8.self),
            let stream = received.getInteger(at: start + 5, as: UInt32.self),
            let payload = received.getBytes(at: start + 9, length: Int(word >> 8)),
            let kind = RawFrame.Kind(rawValue: UInt8(word & 0xFF))
        else { return nil }
        received.moveReaderIndex(forwardBy: 9 + payload.count)
        self.init(kind: kind, flags: flags, stream: stream, payload: payload)
    }

    /// All whole frames of what was received.
    static func all(in bytes: [UInt8]) -> [RawFrame] {
        var buffer = ByteBuffer(bytes: bytes)
        var frames: [RawFrame] = []
        while let frame = RawFrame(takenFrom: &buffer) { frames.append(frame) }
        return frames
    }

    /// The header fields of the first block of a connection.
    func headerFields() throws -> HPACKHeaders {
        var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
        var payload = ByteBuffer(bytes: self.payload)
        return try decoder.decodeHeaders(from: &payload)
    }

    /// A gRPC message in its prefix.
    static func message(_ bytes: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag] + UInt32(bytes.count).bytes + bytes
    }
}

extension UInt32 {
    var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * $0)) } }
}

/// A client that sends any bytes, and reads frames.
struct RawConnection: ~Copyable {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var received = ByteBuffer()
    private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())

    static func open<Result: Sendable>(
        _ path: String, _ body: @Sendable (_ connection: inout RawConnection) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = RawConnection(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&connection)
        }
    }

    private init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    func send(_ bytes: [UInt8]) async throws {
        try await self.outbound.write(ByteBuffer(bytes: bytes))
    }

    func send(_ frames: [RawFrame]) async throws {
        try await self.send(frames.flatMap(\.bytes))
    }

    /// The next frame; nil when the server has closed the connection.
    mutating func next() async throws -> RawFrame? {
        while true {
            if let frame = self.takeFrame() { return frame }
            do {
                guard let bytes = try await self.inbound.next(isolation: #isolation) else { return nil }
                self.received.writeImmutableBuffer(bytes)
            } catch is IOError {
                // A reset of the connection: closed, too.
                return nil
            }
        }
    }

    /// The next frame of a kind; frames of others are passed over.
    mutating func next(_ kind: RawFrame.Kind) async throws -> RawFrame? {
        while let frame = try await self.next() {
            if frame.kind == kind { return frame }
        }
        return nil
    }

    /// Reads until the server has handled all that was sent so far; returns the frames that came before it said so.
    ///
    /// A server that has closed the connection meanwhile cannot be asked: what it sent before is read.
    mutating func settle() async throws -> [RawFrame] {
        try? await self.send([RawFrame.ping])
        var frames: [RawFrame] = []
        while let frame = try await self.next() {
            if frame.kind == .ping, frame.flags == RawFrame.acknowledgement { break }
            frames.append(frame)
        }
        return frames
    }

    /// The header fields of the next response part of a stream.
    mutating func headers() async throws -> HPACKHeaders? {
        guard let frame = try await self.next(.headers) else { return nil }
        return try self.decode(frame)
    }

    mutating func decode(_ frame: RawFrame) throws -> HPACKHeaders {
        var payload = ByteBuffer(bytes: frame.payload)
        return try self.decoder.decodeHeaders(from: &payload)
    }

    private mutating func takeFrame() -> RawFrame? {
        RawFrame(takenFrom: &self.received)
    }
}
