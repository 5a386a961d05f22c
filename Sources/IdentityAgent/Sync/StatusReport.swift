import ControlPlaneProtos
import GRPCCore
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf

/// Tells the server which program this agent is, once under each of its SPIFFE IDs.
struct StatusReport: Sendable {
    private static let timeout: Duration = .seconds(10)
    private static let retryInterval: Duration = .seconds(15)

    let connections: ServerConnections
    let cache: WorkloadCache
    let version: String
    let instants: Instants
    let logger: Logger

    /// Runs until cancelled.
    func run() async throws {
        var reported: SPIFFEID?
        for await connection in self.connections.current.updates() {
            guard let id = connection?.identity.id, id != reported else { continue }
            try await self.report()
            reported = id
        }
        throw CancellationError()
    }

    /// Returns once the server knows, or does not want to.
    private func report() async throws {
        while true {
            _ = try await self.connections.connection()
            let serial = self.cache.current.bundles.own.sequenceNumber ?? 0
            do {
                _ = try await self.connections.call(
                    AgentMethods.postStatus,
                    .with {
                        $0.currentBundleSerial = serial
                        $0.agentVersion = self.version
                    }, timeout: Self.timeout)
                return
            } catch let error as RPCError where !error.isTransient && error.code != .permissionDenied {
                self.logger.debug("the server took no status", metadata: [LogKey.error: "\(error.message)"])
                return
            } catch {
                try Task.checkCancellation()
                try await self.instants.sleep(for: Self.retryInterval)
            }
        }
    }
}
