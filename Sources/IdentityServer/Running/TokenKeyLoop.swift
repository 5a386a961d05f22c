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
        try await RotationLoop(
            instants: self.plane.instants, logger: self.plane.logger, failure: "token keys not rotated",
            rotate: { try await self.tokens.issuance.keys.rotate(now: $0) },
            // A machine that slept may be asked for a token before it is time to look.
            pause: {
                try await self.tokens.issuance.noKeySigns.wait(until: nil, atMost: $0, instants: self.plane.instants)
            }
        ).run()
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
