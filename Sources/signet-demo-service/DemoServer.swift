import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import ServiceLifecycle
import WorkloadAPI

/// Answers each caller with its own name and the serial number of the certificate that the caller showed.
struct DemoServer: Service {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// How long a connection may take.
    static let timeout: TimeAmount = .seconds(10)

    let name: String
    let address: String
    let port: Int
    let portFile: String?
    let source: X509Source
    let tls: SPIFFETLSContexts
    let tally: Tally

    func run() async throws {
        try await self.source.waitUntilReady()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: self.address, port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(self.tls.serverHandlers())
                    let connection = try Connection(wrappingChannelSynchronously: channel)
                    channel.keep(connection)
                    return connection
                }
            }
        let port = listener.channel.localAddress?.port ?? self.port
        if let portFile { try PortFile.write(port, to: portFile) }
        self.tally.say("serving on \(self.address):\(port)")

        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections.cancelOnGracefulShutdown() {
                    group.addTask { await self.serve(connection) }
                }
            }
        }
    }

    private func serve(_ connection: Connection) async {
        do {
            try await connection.executeThenClose(within: Self.timeout) { inbound, outbound in
                let line = try await LineProtocol.read("CALL", from: inbound)
                guard let peer = try await connection.channel.spiffePeer().get() else { throw DemoError.peerUnknown }
                let answer = LineProtocol.Line(verb: "OK", name: self.name, serialSeen: peer.serialNumber)
                try await outbound.write(answer.bytes)
                self.tally.answered(peer: peer, ownSerial: line.serialSeen) { "called by \($0)" }
            }
        } catch let error as SPIFFETLSError {
            self.tally.refused(error)
        } catch {
            self.tally.failed(error)
        }
    }
}
