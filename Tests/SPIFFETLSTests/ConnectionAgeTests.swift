import NIOCore
import NIOEmbedded
import SPIFFE
import SPIFFETLS
import Synchronization
import TestSupport
import Testing

@Suite("The age of connections", .timeLimit(.minutes(1)))
struct ConnectionAgeTests {
    @Test("a connection is told to finish at its age, and closed when the grace is over")
    func age() throws {
        let told = Recorded<String>()
        let channel = EmbeddedChannel(handlers: [
            ConnectionAgeHandler(limit: .seconds(60), grace: .seconds(5)), QuiesceRecorder(told),
        ])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(59))
        #expect(told.values == [])
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(told.values == ["quiesce"])
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(4_999))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test("a connection that is gone is not waited for")
    func gone() throws {
        let channel = EmbeddedChannel(handler: ConnectionAgeHandler(limit: .seconds(60), grace: .seconds(5)))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.close().wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(120))
    }

    @Test("chance makes the age shorter by no more than a tenth")
    func jitter() {
        let age = ConnectionAge(maximum: .seconds(100))
        var highest = FixedRandom(value: .max)
        var lowest = FixedRandom(value: 0)
        #expect(age.limit(using: &lowest) == .seconds(100))
        let shortest = age.limit(using: &highest)
        #expect(shortest >= .seconds(90) && shortest < .milliseconds(90_001))
    }

    @Test("a server closes its connections when they are old")
    func server() async throws {
        let fixture = try Fixture()
        let server = SPIFFETLSContexts(
            source: fixture.payments, policy: .exactly(id(Fixture.ordersID)), now: fixture.now,
            connectionAge: ConnectionAge(maximum: .milliseconds(1), grace: .zero))
        try await withServer(server) { server async throws in
            // An echo that is never asked for anything closes nothing by itself.
            let (channel, _) = try await connect(server.port, fixture.client())
            try await channel.closeFuture.get()
        }
    }
}

/// Always the same chance.
struct FixedRandom: RandomNumberGenerator {
    let value: UInt64

    func next() -> UInt64 { self.value }
}

/// Writes down that the connection was told to finish.
final class QuiesceRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let told: Recorded<String>

    init(_ told: Recorded<String>) {
        self.told = told
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { self.told.append("quiesce") }
    }
}
