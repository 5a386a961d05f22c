import ControlPlaneProtos
import GRPCCore
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// What `spire.api.server.entry.v1.Entry` answers to agents: the entries they are authorised for.
struct AuthorizedEntryService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(EntryMethods.getAuthorizedEntries, self.getAuthorizedEntries)
        routes.bidirectional(EntryMethods.syncAuthorizedEntries, self.syncAuthorizedEntries)
    }

    func getAuthorizedEntries(
        _ request: Spire_Api_Server_Entry_V1_GetAuthorizedEntriesRequest, _ call: Call
    ) throws -> Spire_Api_Server_Entry_V1_GetAuthorizedEntriesResponse {
        let entries = try self.authorizedEntries(for: call)
        let mask = request.hasOutputMask ? request.outputMask : nil
        return .with { $0.entries = entries.map { $0.proto(mask) } }
    }

    /// The entries as they are when the stream begins.
    ///
    /// What one message takes is sent at once. More are sent as pages of revisions; the agent then asks for those it does not
    /// have, by ID, as often as it likes.
    func syncAuthorizedEntries(
        _ requests: RPCRequests<Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesRequest>, _ call: Call,
        _ writer: RPCWriter<Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesResponse>
    ) async throws {
        let entries = try self.authorizedEntries(for: call)
        var mask: Spire_Api_Types_EntryMask?
        var isFirst = true
        for try await request in requests {
            if isFirst {
                isFirst = false
                mask = try Self.checkedMask(request)
                guard entries.entryPages.count > 1 else {
                    return try await writer.write(.with { $0.entries = entries.map { $0.proto(mask) } })
                }
                try await self.send(revisionsOf: entries, to: writer)
            } else {
                try await self.send(request.ids, from: entries, mask, to: writer)
            }
        }
    }

    private static func checkedMask(
        _ request: Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesRequest
    ) throws -> Spire_Api_Types_EntryMask? {
        guard request.ids.isEmpty else {
            throw RPCError.invalid("specifying IDs on initial request is not supported")
        }
        guard request.hasOutputMask else { return nil }
        guard request.outputMask.revisionNumber else { throw RPCError.invalid("revision number cannot be masked") }
        return request.outputMask
    }

    private func send(
        revisionsOf entries: [RegistrationEntry],
        to writer: RPCWriter<Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesResponse>
    ) async throws {
        for page in entries.pages(of: ControlPlaneLimits.entryPageSize) {
            try await writer.write(
                .with {
                    $0.entryRevisions = page.items.map { entry in
                        .with {
                            $0.id = entry.id
                            $0.revisionNumber = entry.revision
                            $0.createdAt = entry.createdAt.secondsSinceEpoch
                        }
                    }
                    $0.more = page.hasMore
                })
        }
    }

    /// Sends the entries of the IDs that are the agent's; the others are left out without a word.
    private func send(
        _ ids: [String], from entries: [RegistrationEntry], _ mask: Spire_Api_Types_EntryMask?,
        to writer: RPCWriter<Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesResponse>
    ) async throws {
        let most = ControlPlaneLimits.maxSyncIDs
        guard ids.count <= most else {
            throw RPCError.invalid("too many entry IDs in one request: \(ids.count), at most \(most)")
        }
        let wanted = Set(ids)
        let found = entries.filter { wanted.contains($0.id) }
        for page in found.entryPages {
            try await writer.write(
                .with {
                    $0.entries = page.items.map { $0.proto(mask) }
                    $0.more = page.hasMore
                })
        }
    }

    private func authorizedEntries(for call: Call) throws -> [RegistrationEntry] {
        let agent = try call.agent
        return self.plane.registry.authorizedEntries(for: agent.id, now: self.plane.instants.now())
    }
}

extension Array {
    /// The array in slices of at most `size`, at least one, each saying whether another follows.
    func pages(of size: Int) -> [(items: ArraySlice<Element>, hasMore: Bool)] {
        guard self.count > size else { return [(self[...], false)] }
        return stride(from: 0, to: self.count, by: size).map { start in
            let end = Swift.min(start + size, self.count)
            return (self[start..<end], end < self.count)
        }
    }
}
