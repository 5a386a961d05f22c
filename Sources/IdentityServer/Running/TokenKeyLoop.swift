import Authority
import FoundationEssentials
import Logging
import Rotation

/// Rotates the keys of access tokens when they are due, and tells followers.
struct TokenKeyLoop: Sendable {
    let tokens: ControlPlane.Tokens
    let plane: ControlPlane

    /// Runs until the task is cancelled.
    ///
    /// A rotation that fails leaves the keys as they are and is tried again.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.rotate() }
            group.addTask { try await self.follow() }
            for try await _ in group {}
        }
    }

    private func rotate() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            let next: Date
            do {
                next = try await self.tokens.issuance.keys.rotate(now: self.plane.instants.now())
                backoff.reset()
            } catch let error as CancellationError {
                throw error
            } catch {
                self.plane.logger.error("token keys not rotated", metadata: [LogKey.error: "\(error)"])
                try await self.plane.instants.sleep(for: backoff.next(using: &generator))
                continue
            }
            // As there. A machine that slept may be asked for a token before it is time to look: that wakes this one.
            let remaining = next.timeIntervalSince(self.plane.instants.now())
            try await self.tokens.issuance.keyHasExpired.wait(
                until: nil, atMost: min(.seconds(max(0, remaining)), AuthorityRotationLoop.longestPause),
                instants: self.plane.instants)
        }
    }

    private func follow() async throws {
        var known = self.tokens.issuance.keys.state.current.jwkSet
        for await state in self.tokens.issuance.keys.state.updates() where state.jwkSet != known {
            known = state.jwkSet
            self.tokens.feed.keysChanged()
            self.plane.logger.info(
                "token keys changed",
                metadata: [LogKey.keyID: "\(state.signer.keyID)", LogKey.count: "\(state.keys.count)"])
        }
        try Task.checkCancellation()
    }
}
