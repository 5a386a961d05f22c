import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// `spire.api.server.entry.v1.Entry` for administrators; what agents ask for is in ``AuthorizedEntryService``.
struct EntryService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(EntryMethods.countEntries, self.countEntries)
        routes.unary(EntryMethods.listEntries, self.listEntries)
        routes.unary(EntryMethods.getEntry, self.getEntry)
        routes.unary(EntryMethods.batchCreateEntry, self.batchCreateEntry)
        routes.unary(EntryMethods.batchUpdateEntry, self.batchUpdateEntry)
        routes.unary(EntryMethods.batchDeleteEntry, self.batchDeleteEntry)
    }

    // MARK: Reading

    func countEntries(
        _ request: Spire_Api_Server_Entry_V1_CountEntriesRequest, _ call: Call
    ) throws -> Spire_Api_Server_Entry_V1_CountEntriesResponse {
        let filter =
            try request.hasFilter ? EntryFilter(request.filter.fields, in: self.plane.trustDomain) : EntryFilter()
        let count = self.plane.registry.entries.count(filter)
        return .with { $0.count = Int32(clamping: count) }
    }

    /// One page of the entries, ordered by ID: as many as are asked for, or as one message takes.
    func listEntries(
        _ request: Spire_Api_Server_Entry_V1_ListEntriesRequest, _ call: Call
    ) throws -> Spire_Api_Server_Entry_V1_ListEntriesResponse {
        let filter =
            try request.hasFilter ? EntryFilter(request.filter.fields, in: self.plane.trustDomain) : EntryFilter()
        let size = try PageSize(request.pageSize)
        let page = self.plane.registry.entries.page(
            filter, after: request.pageToken.isEmpty ? nil : request.pageToken, limit: size.count)
        let entries = page.entries.prefix(bytes: ControlPlaneLimits.entryPageBytes)
        return .with {
            $0.entries = entries.map { $0.proto(request.hasOutputMask ? request.outputMask : nil) }
            $0.nextPageToken = (entries.count < page.entries.count ? entries.last?.id : page.next) ?? ""
        }
    }

    func getEntry(
        _ request: Spire_Api_Server_Entry_V1_GetEntryRequest, _ call: Call
    ) throws -> Spire_Api_Types_Entry {
        guard !request.id.isEmpty else { throw RPCError.invalid("missing ID") }
        guard let entry = self.plane.registry.entries[request.id] else {
            throw RPCError(code: .notFound, message: "entry not found")
        }
        return entry.proto(request.hasOutputMask ? request.outputMask : nil)
    }

    // MARK: Writing

    /// Creates entries; each succeeds or fails alone.
    ///
    /// One that is similar to an existing entry (same SPIFFE ID, parent and selectors) gets ALREADY_EXISTS and that
    /// entry.
    func batchCreateEntry(
        _ request: Spire_Api_Server_Entry_V1_BatchCreateEntryRequest, _ call: Call
    ) async throws -> Spire_Api_Server_Entry_V1_BatchCreateEntryResponse {
        try self.checkBatch(request.entries.count, of: "entries")
        let now = self.plane.instants.now()
        let outcomes = try await self.plane.commitEach(
            request.entries.map { proto in
                { _ in self.creation(of: EntryDraft(proto), now: now) }
            }, by: call.caller.actor)
        let mask = request.hasOutputMask ? request.outputMask : nil
        return .with { $0.results = outcomes.map { .init($0, mask: mask) } }
    }

    /// Changes entries, each the fields that the mask names, or all; each succeeds or fails alone.
    func batchUpdateEntry(
        _ request: Spire_Api_Server_Entry_V1_BatchUpdateEntryRequest, _ call: Call
    ) async throws -> Spire_Api_Server_Entry_V1_BatchUpdateEntryResponse {
        try self.checkBatch(request.entries.count, of: "entries")
        let fields = request.hasInputMask ? Set(request.inputMask) : .allUpdatable
        let outcomes = try await self.plane.commitEach(
            request.entries.map { proto in
                { registry in self.update(by: EntryDraft(proto), of: fields, in: registry) }
            }, by: call.caller.actor)
        let mask = request.hasOutputMask ? request.outputMask : nil
        return .with { $0.results = outcomes.map { .init($0, mask: mask) } }
    }

    /// Deletes entries; each succeeds or fails alone.
    func batchDeleteEntry(
        _ request: Spire_Api_Server_Entry_V1_BatchDeleteEntryRequest, _ call: Call
    ) async throws -> Spire_Api_Server_Entry_V1_BatchDeleteEntryResponse {
        try self.checkBatch(request.ids.count, of: "entry IDs")
        let outcomes = try await self.plane.commitEach(
            request.ids.map { id in
                { _ in id.isEmpty ? .failure(.missingID) : .success(.delete(id: id)) }
            }, by: call.caller.actor)
        return .with { $0.results = zip(request.ids, outcomes).map { id, outcome in .init(outcome, id: id) } }
    }

    // MARK: Checks

    private func checkBatch(_ count: Int, of what: String) throws {
        let most = ControlPlaneLimits.maxBatchEntries
        guard count <= most else {
            throw RPCError.invalid("too many \(what) in one batch: \(count), at most \(most)")
        }
    }

    private func creation(of draft: EntryDraft, now: Date) -> Result<EntryChange, EntryRefusal> {
        do throws(RegistrationError) {
            let content = try self.validated(draft)
            let id = try draft.validatedID() ?? self.plane.entryIDs.next(now: now)
            return .success(.create(RegistrationEntry(id: id, content: content, createdAt: now)))
        } catch {
            return .failure(.invalid(error))
        }
    }

    private func update(
        by draft: EntryDraft, of fields: Set<EntryField>, in registry: Registry
    ) -> Result<EntryChange, EntryRefusal> {
        guard !draft.id.isEmpty else { return .failure(.missingID) }
        guard let entry = registry.entries[draft.id] else {
            return .failure(.store(.notFound(draft.id)))
        }
        do throws(RegistrationError) {
            let content = try self.validated(EntryDraft(entry).replacing(fields, from: draft))
            return .success(.update(id: entry.id, EntryUpdate(content, fields: fields)))
        } catch {
            return .failure(.invalid(error))
        }
    }

    /// No bundle of another trust domain is kept here, so none may be federated with.
    private func validated(_ draft: EntryDraft) throws(RegistrationError) -> EntryContent {
        try draft.validated(trustDomain: self.plane.trustDomain, bundles: [])
    }
}
