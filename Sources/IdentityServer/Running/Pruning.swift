import AccessGrants
import FoundationEssentials
import Logging
import NodeAttestation
import Registration
import Rotation

/// Tells agents of entries at the moment they expire, deletes those a while later, and expired join tokens and
/// revocations now and then.
struct Pruning: Sendable {
    /// How often expired entries are looked at; ``EntryExpiries/looks`` looks are 5 to 6 minutes.
    static let lookInterval: Duration = .seconds(60)
    /// How often expired join tokens and revocations are deleted; from their expiry on they mean nothing in any case.
    static let interval: Duration = .seconds(3_600)

    let plane: ControlPlane

    /// Runs until the task is cancelled.
    ///
    /// What could not be deleted is tried again.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.followExpiry() }
            group.addTask { try await self.pruneEntries() }
            group.addTask { try await self.pruneOnceInAWhile() }
            for try await _ in group {}
        }
    }

    /// Tells agents what has expired.
    private func followExpiry() async throws {
        // What expired before the server began waits for its deletion as well.
        self.plane.entriesExpired.signal()
        while true {
            let next = self.followClock()
            try await self.plane.expiryChanged.wait(until: next, instants: self.plane.instants)
        }
    }

    /// - Returns: When the next entry expires.
    private func followClock() -> Date? {
        let (expired, next) = self.plane.registry.followClock(now: self.plane.instants.now())
        if expired > 0 {
            self.plane.logger.info("entries expired", metadata: [LogKey.count: "\(expired)"])
            self.plane.entriesExpired.signal()
        }
        return next
    }

    /// Deletes what has been expired for long enough, while there is something expired.
    private func pruneEntries() async throws {
        while true {
            try await self.plane.entriesExpired.wait()
            while self.plane.registry.read({ $0.hasExpiredEntries }) {
                try await self.plane.instants.sleep(for: Self.lookInterval)
                // The clock may have been set back.
                _ = self.followClock()
                // The next expiry may be another one then.
                self.plane.expiryChanged.signal()
                await self.prune(self.plane.registry.lookAtExpired())
            }
        }
    }

    private func prune(_ ids: [String]) async {
        let size = ControlPlaneLimits.maxBatchEntries
        for start in stride(from: 0, to: ids.count, by: size) {
            guard await self.prune(ids[start..<min(start + size, ids.count)]) else { return }
        }
    }

    /// - Returns: Whether the store did what it was told.
    private func prune(_ ids: ArraySlice<String>) async -> Bool {
        do {
            let outcomes = try await self.plane.commitEach(
                ids.map { id in { registry in registry.pruningOfEntry(id, now: self.plane.instants.now()) } },
                by: .server)
            let count = outcomes.count { (try? $0.get()) != nil }
            if count > 0 {
                self.plane.logger.info("expired entries deleted", metadata: [LogKey.count: "\(count)"])
            }
            return true
        } catch {
            self.plane.logger.error("expired entries not deleted", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }

    private func pruneOnceInAWhile() async throws {
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
            await self.pruneRevocations()
            try await self.plane.instants.sleep(for: Self.interval)
        }
    }

    private func pruneRevocations() async {
        guard let tokens = self.plane.tokens else { return }
        let now = self.plane.instants.now()
        do {
            let count = try await self.plane.writing {
                try await self.plane.revocationStore.pruneRevocations(now: now)
            }
            tokens.feed.prune(now: now)
            if count > 0 {
                self.plane.logger.info("expired revocations deleted", metadata: [LogKey.count: "\(count)"])
            }
        } catch {
            self.plane.logger.error("expired revocations not deleted", metadata: [LogKey.error: "\(error)"])
        }
    }
}

extension Registry {
    /// The deletion of an entry that has expired, unless it was given more time meanwhile.
    fileprivate func pruningOfEntry(_ id: String, now: Date) -> Result<EntryChange, EntryRefusal> {
        guard let entry = self.entries[id], entry.hasExpired(by: now) else { return .failure(.store(.notFound(id))) }
        return .success(.delete(id: id))
    }
}
