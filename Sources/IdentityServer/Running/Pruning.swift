import FoundationEssentials
import Logging
import NodeAttestation
import Registration
import Rotation

/// Deletes entries at the moment they expire, and expired join tokens once in a while.
struct Pruning: Sendable {
    /// How often expired join tokens are deleted; they are refused from their expiry on in any case.
    static let joinTokenInterval: Duration = .seconds(3_600)

    let plane: ControlPlane

    /// Runs until the task is cancelled.
    ///
    /// What could not be deleted is tried again.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.pruneEntries() }
            group.addTask { try await self.pruneJoinTokens() }
            for try await _ in group {}
        }
    }

    private func pruneEntries() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            let now = self.plane.instants.now()
            let expired = self.plane.registry.read { $0.expiredEntryIDs(now: now) }
                .prefix(ControlPlaneLimits.maxBatchEntries)
            guard expired.isEmpty else {
                if await self.prune(Array(expired), now: now) {
                    backoff.reset()
                } else {
                    try await self.plane.instants.sleep(for: backoff.next(using: &generator))
                }
                continue
            }
            let next = self.plane.registry.read { $0.nextExpiry }
            try await self.plane.expiryChanged.wait(until: next, instants: self.plane.instants)
        }
    }

    /// - Returns: Whether any entry was deleted.
    private func prune(_ ids: [String], now: Date) async -> Bool {
        do {
            let outcomes = try await self.plane.commitEach(
                ids.map { id in { registry in registry.pruningOfEntry(id, now: now) } }, by: .server)
            let count = outcomes.count { (try? $0.get()) != nil }
            self.plane.logger.info("expired entries deleted", metadata: [LogKey.count: "\(count)"])
            return count > 0
        } catch {
            self.plane.logger.error("expired entries not deleted", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }

    private func pruneJoinTokens() async throws {
        while true {
            do {
                let count = try await self.plane.writing {
                    try await self.plane.joinTokenStore.pruneExpired(now: self.plane.instants.now())
                }
                if count > 0 {
                    self.plane.logger.info("expired join tokens deleted", metadata: [LogKey.count: "\(count)"])
                }
            } catch {
                self.plane.logger.error("expired join tokens not deleted", metadata: [LogKey.error: "\(error)"])
            }
            try await self.plane.instants.sleep(for: Self.joinTokenInterval)
        }
    }
}

extension Registry {
    /// The deletion of an entry that has expired, unless it was given more time meanwhile.
    fileprivate func pruningOfEntry(_ id: String, now: Date) -> Result<EntryChange, EntryRefusal> {
        guard let expiresAt = self.entries[id]?.expiresAt, expiresAt <= now else {
            return .failure(.store(.notFound(id)))
        }
        return .success(.delete(id: id))
    }
}
