import Authority
import FoundationEssentials
import Logging
import Registration
import Rotation
import SPIFFE

/// Rotates the authorities when they are due, and tells agents when the bundle has changed.
struct AuthorityRotationLoop: Sendable {
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
        try await RotationLoop(
            instants: self.plane.instants, logger: self.plane.logger, failure: "authorities not rotated",
            rotate: { try await self.rotation.rotate(now: $0) }, pause: { try await self.plane.instants.sleep(for: $0) }
        ).run()
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
