import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// `signet.agent.v1.Sync`: entries and bundle pushed to agents the moment they change.
struct SyncService: Sendable {
    let plane: ControlPlane

    private typealias Response = Signet_Agent_V1_WatchAuthorizedEntriesResponse
    private typealias Writer = RPCWriter<Signet_Agent_V1_WatchAuthorizedEntriesResponse>

    func register(in routes: inout ControlPlaneRoutes) {
        routes.serverStream(SyncMethods.watchAuthorizedEntries) { request, call, writer in
            try await self.watchAuthorizedEntries(request, call, writer)
        }
    }

    /// Sends what the agent has missed since the position it names, or everything, and then every change.
    ///
    /// The stream ends with PERMISSION_DENIED and the reason when the agent is banned, evicted, has renewed the
    /// certificate of this connection, or lets it expire; with UNAVAILABLE when the server shuts down.
    private func watchAuthorizedEntries(
        _ request: Signet_Agent_V1_WatchAuthorizedEntriesRequest, _ call: Call, _ writer: Writer
    ) async throws {
        let agent = try call.agent
        let watch: AgentWatch
        switch self.plane.registry.openWatch(
            agentID: agent.id, serialNumber: agent.serialNumber, seen: ChangePosition(request),
            now: self.plane.instants.now())
        {
        case .success(let opened): watch = opened
        case .failure(let refusal): throw RPCError(ending: refusal.ending, call)
        }
        defer { self.plane.registry.closeWatch(watch.id) }
        var sentBundle: UInt64?
        while true {
            let now = self.plane.instants.now()
            guard now < agent.expiresAt else {
                throw RPCError(denied: call.context.path, .agentExpired)
            }
            // Read before the step, so that a bundle of later than the step's position is at worst sent twice.
            let bundle = self.plane.authority.current.bundle
            let newBundle = bundle.sequenceNumber == sentBundle ? nil : bundle.proto
            switch self.plane.registry.nextStep(of: watch.id, now: now) {
            case .end(let ending):
                throw RPCError(ending: ending, call)
            case .send(let update):
                try await self.send(update, newBundle, to: writer)
                sentBundle = bundle.sequenceNumber
            case .wait(let position):
                if let newBundle {
                    try await writer.write(
                        .with {
                            $0.epoch = position.epoch
                            $0.sequence = position.number
                            $0.bundle = newBundle
                        })
                    sentBundle = bundle.sequenceNumber
                } else {
                    try await watch.wakeUp.wait(until: agent.expiresAt, instants: self.plane.instants)
                }
            }
        }
    }

    /// Sends an update in pages; only the last of them moves the agent's position.
    private func send(_ update: AgentWatch.Update, _ bundle: Spire_Api_Types_Bundle?, to writer: Writer) async throws {
        var bundle = bundle
        for page in update.entries.entryPages {
            try await writer.write(
                .with {
                    $0.epoch = update.position.epoch
                    $0.sequence = update.position.number
                    $0.full = update.isFull
                    $0.entries = page.items.map { $0.proto() }
                    if let bundle { $0.bundle = bundle }
                    if !page.hasMore { $0.removedEntryIds = update.removedEntryIDs }
                    $0.more = page.hasMore
                })
            bundle = nil
        }
    }
}

extension ChangePosition {
    /// The position that an agent resumes from; nil when it holds nothing.
    fileprivate init?(_ request: Signet_Agent_V1_WatchAuthorizedEntriesRequest) {
        guard !request.epoch.isEmpty else { return nil }
        self.init(epoch: request.epoch, number: request.sequence)
    }
}
