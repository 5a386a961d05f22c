import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import ServiceLifecycle
import WorkloadAPI

/// When to call.
enum CallPlan: Sendable {
    /// One call after the other.
    case sequence(count: Int)
    /// A call each interval, whether or not the ones before have been answered.
    case steady(count: Int, interval: Duration)
}

/// Calls a service, each time on a new connection with the identity of that moment.
struct DemoCaller: Service {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// How long a call may take.
    static let timeout: TimeAmount = .seconds(10)
    /// The most calls under way; when they are, the next one waits.
    static let maxCallsUnderWay = 100

    let name: String
    let address: String
    let port: Int
    let plan: CallPlan
    let source: X509Source
    let tls: SPIFFETLSContexts
    let tally: Tally

    func run() async throws {
        try await self.source.waitUntilReady()
        switch self.plan {
        case .sequence(let count):
            for _ in 0..<count where !Task.isShuttingDownGracefully { await self.call() }
        case .steady(let count, let interval):
            await self.makeCalls(count, every: interval)
        }
    }

    /// Begins calls at a steady pace.
    ///
    /// At a graceful shutdown no more are begun; those under way are finished.
    private func makeCalls(_ count: Int, every interval: Duration) async {
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            var underWay = 0
            for index in 0..<count {
                guard await self.wait(until: start + interval * index) else { break }
                if underWay == Self.maxCallsUnderWay {
                    await group.next()
                    underWay -= 1
                }
                group.addTask { await self.call() }
                underWay += 1
            }
            await group.waitForAll()
        }
    }

    /// Returns whether the moment came before a shutdown did.
    private func wait(until moment: ContinuousClock.Instant) async -> Bool {
        do {
            try await cancelWhenGracefulShutdown { try await ContinuousClock().sleep(until: moment) }
            return !Task.isShuttingDownGracefully
        } catch {
            return false
        }
    }

    private func call() async {
        do {
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(Self.timeout)
                .connect(host: self.address, port: self.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(self.tls.clientHandlers())
                        return (try Connection(wrappingChannelSynchronously: channel), channel.spiffePeer())
                    }
                }
            try await self.talk(over: connection.0, peer: connection.1)
        } catch {
            self.tally.failed(error)
        }
    }

    private func talk(over connection: Connection, peer: EventLoopFuture<VerifiedX509SVID?>) async throws {
        try await connection.executeThenClose(within: Self.timeout) { inbound, outbound in
            guard let peer = try await peer.get() else { throw DemoError.peerUnknown }
            let question = LineProtocol.Line(verb: "CALL", name: self.name, serialSeen: peer.serialNumber)
            try await outbound.write(question.bytes)
            let answer = try await LineProtocol.read("OK", from: inbound)
            self.tally.answered(peer: peer, ownSerial: answer.serialSeen) { "connected to \($0)" }
        }
    }
}
