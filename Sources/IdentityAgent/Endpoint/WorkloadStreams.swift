import GRPCCore
import PeerTransport
import Registration
import Rotation
package import SwiftProtobuf
import WorkloadAttestation

/// What a streaming method answers, at one moment.
package enum StreamAnswer<Response: Message & Equatable & Sendable>: Sendable {
    /// The full state.
    case complete(Response)
    /// The full state as far as it can be had; what is missing is on its way.
    case partial(Response)
    /// Nothing can be said yet.
    case pending
}

/// Serves the streams of the Workload API: full state at once, and again whenever it is another one for this caller.
struct WorkloadStreams: Sendable {
    let cache: WorkloadCache
    let identification: WorkloadIdentification
    let exits: ProcessExits

    /// Sends answers until the caller is gone.
    ///
    /// The first message is not sent while something is missing that is on its way; later ones do not wait.
    ///
    /// - Parameters:
    ///   - signing: The kind of SVID that the caller's entries must be signed for; nil for none.
    ///   - select: Which of the caller's entries it asks for.
    ///   - answer: The answer from a snapshot for the caller's entries, of which there is at least one.
    /// - Throws: `RPCError`, which ends the call: PERMISSION_DENIED when the caller has no identity, or none any more.
    func serve<Response: Message & Equatable & Sendable>(
        _ context: RPCContext, _ responses: RPCWriter<Response>, signing: SVIDKind?,
        select: @escaping @Sendable ([RegistrationEntry]) throws -> [RegistrationEntry] = { $0 },
        answer: @escaping @Sendable (WorkloadSnapshot, [RegistrationEntry]) throws -> StreamAnswer<Response>
    ) async throws {
        let caller = try await self.identification.caller(of: context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.send(
                    to: caller, context, responses, signing: signing, select: select, answer: answer)
            }
            group.addTask {
                try await self.exits.waitForExit(of: caller.process)
                throw RPCError(code: .unavailable, message: "the process that opened the stream has exited")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func send<Response: Message & Equatable & Sendable>(
        to first: WorkloadCaller, _ context: RPCContext, _ responses: RPCWriter<Response>, signing: SVIDKind?,
        select: ([RegistrationEntry]) throws -> [RegistrationEntry],
        answer: (WorkloadSnapshot, [RegistrationEntry]) throws -> StreamAnswer<Response>
    ) async throws {
        var caller = first
        var followed: Set<String> = []
        defer { if let signing { self.cache.follow([], insteadOf: followed, signing) } }
        var last: Response?
        try await self.cache.snapshots.forEachUntilGracefulShutdown { _ in
            caller = try await self.identification.refreshed(caller, context)
            let next = try self.next(
                for: caller, context, after: last, followed: &followed, signing: signing, select: select, answer: answer
            )
            guard let next else { return }
            try await responses.write(next)
            last = next
        }
        try Task.checkCancellation()
        throw RPCError(code: .unavailable, message: "the agent is shutting down")
    }

    /// What is to be sent now; nil where that was sent last, or is on its way.
    ///
    /// A function of its own: what it needs for a moment would be kept for as long as the stream is open.
    @inline(never)
    private func next<Response: Message & Equatable & Sendable>(
        for caller: WorkloadCaller, _ context: RPCContext, after last: Response?, followed: inout Set<String>,
        signing: SVIDKind?, select: ([RegistrationEntry]) throws -> [RegistrationEntry],
        answer: (WorkloadSnapshot, [RegistrationEntry]) throws -> StreamAnswer<Response>
    ) throws -> Response? {
        let snapshot = self.cache.current
        let entries = try select(self.identification.entries(of: caller, in: snapshot, context))
        if let signing {
            let ids = Set(entries.lazy.map(\.id))
            self.cache.follow(ids, insteadOf: followed, signing)
            followed = ids
        }
        let response: Response
        switch try answer(snapshot, entries) {
        case .complete(let complete): response = complete
        case .partial(let partial) where last != nil: response = partial
        case .partial, .pending: return nil
        }
        return response == last ? nil : response
    }
}
