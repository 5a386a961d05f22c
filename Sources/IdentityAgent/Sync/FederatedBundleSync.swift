import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf

/// Keeps the trust bundles of the trust domains that the agent's entries federate with.
struct FederatedBundleSync: Sendable {
    static let interval: Duration = .seconds(15)
    private static let timeout: Duration = .seconds(10)

    let connections: ServerConnections
    let cache: WorkloadCache
    let instants: Instants
    let logger: Logger

    /// Runs until cancelled.
    ///
    /// Asks nothing while no entry federates.
    func run() async throws {
        while true {
            let trustDomains = self.cache.current.entries.federatesWith
            if !trustDomains.isEmpty { await self.refresh(trustDomains) }
            try await self.wait(for: trustDomains)
        }
    }

    private func refresh(_ trustDomains: Set<TrustDomain>) async {
        var bundles = self.cache.current.bundles.federated
        for known in bundles.all where !trustDomains.contains(known.trustDomain) { bundles.remove(known.trustDomain) }
        for trustDomain in trustDomains.sorted() {
            do {
                let reply = try await self.connections.call(
                    BundleMethods.getFederatedBundle, .with { $0.trustDomain = trustDomain.name },
                    timeout: Self.timeout)
                bundles.set(try TrustBundle(reply, trustDomain: trustDomain))
            } catch let error as RPCError where error.code == .notFound {
                bundles.remove(trustDomain)
            } catch {
                self.logger.debug(
                    "a federated bundle was not fetched",
                    metadata: [LogKey.trustDomain: "\(trustDomain)", LogKey.error: "\(error)"])
            }
        }
        self.cache.update(federated: bundles)
    }

    /// Returns when other trust domains are federated with, or the bundles are due again.
    private func wait(for trustDomains: Set<TrustDomain>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await snapshot in self.cache.snapshots.updates()
                where snapshot.entries.federatesWith != trustDomains { return }
                throw CancellationError()
            }
            if !trustDomains.isEmpty {
                group.addTask { try await self.instants.sleep(for: Self.interval) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
