import Authority
import FoundationEssentials
import Logging
import Registration
import Rotation
import SPIFFE

/// Rotates the authorities when they are due, and tells agents when the bundle has changed.
struct AuthorityRotationLoop: Sendable {
    /// How long it is at most until the authorities are held against the clock again.
    static let longestPause = Instants.wallClockReadingInterval

    let rotation: AuthorityRotation
    let changeLog: any ChangeLog
    let plane: ControlPlane
    /// The bundle that was in force before anybody was served.
    private let firstSequence: UInt64?

    init(rotation: AuthorityRotation, changeLog: any ChangeLog, plane: ControlPlane) {
        self.rotation = rotation
        self.changeLog = changeLog
        self.plane = plane
        self.firstSequence = rotation.state.current.bundle.sequenceNumber
    }

    /// Runs until the task is cancelled.
    ///
    /// A rotation that fails leaves the authorities as they are and is tried again.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.rotate() }
            group.addTask { try await self.followBundle() }
            for try await _ in group {}
        }
    }

    private func rotate() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            let next: Date
            do {
                next = try await self.rotation.rotate(now: self.plane.instants.now())
                backoff.reset()
            } catch let error as CancellationError {
                throw error
            } catch {
                self.plane.logger.error("authorities not rotated", metadata: [LogKey.error: "\(error)"])
                try await self.plane.instants.sleep(for: backoff.next(using: &generator))
                continue
            }
            // By a clock that nobody sets, and not for long: where the wall clock is set past the end of an authority, or
            // back behind its beginning, the next look replaces it.
            let remaining = next.timeIntervalSince(self.plane.instants.now())
            try await self.plane.instants.sleep(for: min(.seconds(max(0, remaining)), Self.longestPause))
        }
    }

    private func followBundle() async throws {
        var known = self.firstSequence
        for await state in self.rotation.state.updates() where state.bundle.sequenceNumber != known {
            known = state.bundle.sequenceNumber
            // In a turn of the writes: a position read between an entry's commit and its arrival in memory would
            // claim that entry.
            try await self.plane.writes.run {
                let position: ChangePosition
                do {
                    position = try await self.changeLog.position()
                } catch {
                    self.plane.logger.error("change log not read", metadata: [LogKey.error: "\(error)"])
                    position = self.plane.registry.position
                }
                self.plane.registry.bundleChanged(at: position)
            }
            self.plane.logger.info("trust bundle changed", metadata: [LogKey.bundleSequence: "\(known ?? 0)"])
        }
        try Task.checkCancellation()
    }
}
