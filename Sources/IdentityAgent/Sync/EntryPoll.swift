import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import Registration
import SwiftProtobuf

/// Asks a server that does not push for the entries of this agent.
struct EntryPoll: Sendable {
    /// How many entries are asked for in one request.
    static let idsAtOnce = 500
    static let timeout: Duration = .seconds(30)

    private typealias Request = Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesRequest

    let connection: ServerConnections.Connection
    let reader: EntryReader

    /// All entries, of which those in `held` that have not changed are not transferred again.
    ///
    /// - Throws: `RPCError`.
    func entries(held: EntryMerge) async throws -> [RegistrationEntry] {
        do {
            return try await self.synchronize(held)
        } catch let error as RPCError where error.code == .unimplemented {
            let reply = try await self.connection.client.call(
                EntryMethods.getAuthorizedEntries, .with { $0.outputMask = .everything }, timeout: Self.timeout)
            return self.reader.read(reply.entries).entries
        }
    }

    /// One conversation: the revisions of everything, then the entries that are missing; short lists come at once.
    private func synchronize(_ held: EntryMerge) async throws -> [RegistrationEntry] {
        let (questions, ask) = AsyncStream<Request>.makeStream(bufferingPolicy: .bufferingOldest(1))
        defer { ask.finish() }
        ask.yield(.with { $0.outputMask = .everything })
        return try await self.connection.client.converse(
            EntryMethods.syncAuthorizedEntries, timeout: Self.timeout
        ) { writer in
            for await question in questions { try await writer.write(question) }
        } _: { responses in
            defer { ask.finish() }
            var answers = responses.makeAsyncIterator()
            var revisions: [EntryRevision] = []
            var isComplete = false
            while !isComplete {
                guard let answer = try await answers.next() else { throw Self.cutShort }
                if answer.entryRevisions.isEmpty, revisions.isEmpty, !answer.more {
                    return self.reader.read(answer.entries).entries
                }
                revisions += answer.entryRevisions.map(EntryRevision.init(_:))
                guard revisions.count <= EntryMerge.maxEntries else {
                    throw EntryMergeError.tooManyEntries(limit: EntryMerge.maxEntries)
                }
                isComplete = !answer.more
            }
            var entries = revisions.compactMap { held.entries[$0.id] }
            let missing = held.missing(from: revisions)
            let replaced = Set(missing)
            entries.removeAll { replaced.contains($0.id) }
            for start in stride(from: 0, to: missing.count, by: Self.idsAtOnce) {
                let ids = missing[start..<min(start + Self.idsAtOnce, missing.count)]
                ask.yield(.with { $0.ids = Array(ids) })
                var isAnswered = false
                while !isAnswered {
                    guard let answer = try await answers.next() else { throw Self.cutShort }
                    entries += self.reader.read(answer.entries).entries
                    isAnswered = !answer.more
                }
            }
            return entries
        }
    }

    private static var cutShort: RPCError {
        RPCError(code: .unavailable, message: "the server ended the conversation early")
    }
}

extension Spire_Api_Types_EntryMask {
    /// Every field that the agent uses.
    fileprivate static let everything = Spire_Api_Types_EntryMask.with {
        $0.spiffeID = true
        $0.parentID = true
        $0.selectors = true
        $0.x509SvidTtl = true
        $0.jwtSvidTtl = true
        $0.federatesWith = true
        $0.admin = true
        $0.downstream = true
        $0.expiresAt = true
        $0.dnsNames = true
        $0.revisionNumber = true
        $0.storeSvid = true
        $0.hint = true
        $0.createdAt = true
        $0.additionalAttributes = true
    }
}
