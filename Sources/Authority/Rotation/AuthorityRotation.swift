package import FoundationEssentials
package import KeyManagement
package import Rotation
import SPIFFE
import Synchronization

/// Keeps the authorities of a trust domain in force: makes the first ones, replaces each in time, forgets the expired.
///
/// When what happens is the business of ``AuthoritySlots``; this carries it out. All that is due at a moment becomes one
/// change: keys are made, then the journal is written, then the new state is published, then keys that nobody needs any
/// more are deleted. A crash between any two of these leaves a state from which ``start(configuration:keyManager:journal:now:)``
/// goes on: nothing is published or used that is not in the journal, and a key that no record names is deleted before
/// others are made.
///
/// Waiting is left to the caller, who calls ``rotate(now:)`` at the moment it returned last.
package final class AuthorityRotation: Sendable {
    /// The authorities in force.
    package let state: Watched<AuthorityState>
    package let configuration: AuthorityConfiguration
    /// What the start found missing.
    package let startFindings: AuthorityStartFindings

    private struct Held {
        var authorities: HeldAuthorities
        /// Whether the key manager may have keys that no authority needs.
        var hasUnneededKeys: Bool
    }

    private let keyManager: any KeyManager
    private let journal: any AuthorityJournal
    private let held: Mutex<Held>
    private let turns = Turns()

    /// Goes on with the authorities in the journal, or makes the first ones.
    ///
    /// Does at once what is due, so that the state is fit for use. An authority whose private key the key manager has lost
    /// is replaced, and stays in the bundle until it expires. Keys that no record names are deleted; they are kept until the
    /// next start where the records or a key are missing, since these may come back from a backup: see ``startFindings``.
    ///
    /// - Parameter keyManager: Its keys whose names begin with `authority-` are this rotation's alone.
    /// - Throws: ``AuthorityRecordsError`` for records that cannot be trusted, and what the key manager or the journal throws.
    package static func start(
        configuration: AuthorityConfiguration, keyManager: any KeyManager, journal: any AuthorityJournal, now: Date
    ) async throws -> AuthorityRotation {
        let records = try await journal.load()
        let recorded = try AuthoritySet(records, trustDomain: configuration.trustDomain)
        var unexpired = recorded
        unexpired.prune(now: now)
        try unexpired.checkCount()
        var authorities = try await HeldAuthorities(set: unexpired, keyManager: keyManager)
        let unknownKeys = try await Self.keyNames(in: keyManager).filter { !unexpired.neededKeyNames.contains($0) }
        let findings = AuthorityStartFindings(authorities, unknownKeys: unknownKeys, now: now)
        // Each start that fails may leave some; as below, one that cannot be deleted is no reason not to serve.
        for name in unknownKeys where !findings.keptKeys.contains(name) { try? await keyManager.deleteKey(id: name) }
        authorities.set.refreshHint = configuration.refreshHint
        try await authorities.advance(configuration: configuration, keyManager: keyManager, now: now)
        authorities.set.numberBundle(after: recorded, now: now)
        let state = try authorities.state(configuration: configuration)
        if authorities.set != recorded { try await journal.save(authorities.set.records, now: now) }
        let rotation = AuthorityRotation(
            configuration: configuration, keyManager: keyManager, journal: journal, authorities: authorities,
            state: state, findings: findings)
        // A key that cannot be deleted is no reason not to serve; the next rotation tries again and says so.
        try? await rotation.deleteUnneededKeys()
        return rotation
    }

    private init(
        configuration: AuthorityConfiguration, keyManager: any KeyManager, journal: any AuthorityJournal,
        authorities: HeldAuthorities, state: AuthorityState, findings: AuthorityStartFindings
    ) {
        self.configuration = configuration
        self.keyManager = keyManager
        self.journal = journal
        self.startFindings = findings
        self.held = Mutex(Held(authorities: authorities, hasUnneededKeys: true))
        self.state = Watched(state)
    }

    /// Does what is due at `now`: prepares, activates, prunes.
    ///
    /// Calls run one after the other. When it throws, what is in force stays in force, and the same is due again; only when
    /// nothing but the deletion of keys failed has the new state been published already. A clock that was set back makes
    /// nothing vanish; authorities that are not valid yet by that clock are replaced.
    ///
    /// - Returns: The next moment at which something is due.
    /// - Throws: What the key manager or the journal throws.
    @discardableResult
    package func rotate(now: Date) async throws -> Date {
        try await self.turns.take {
            // The keys of rotations that failed would add up until there is no room for new ones. What cannot be deleted
            // now is no reason not to rotate.
            try? await self.deleteUnneededKeys()
            let current = self.held.withLock { $0.authorities }
            if let next = try await self.advanced(current, now: now) {
                let state = try next.state(configuration: self.configuration)
                try await self.journal.save(next.set.records, now: now)
                self.held.withLock { $0.authorities = next }
                self.state.publish(state)
            }
            try await self.deleteUnneededKeys()
            return self.nextInstant
        }
    }

    /// What comes of carrying out all that is due; nil when nothing is.
    private func advanced(_ current: HeldAuthorities, now: Date) async throws -> HeldAuthorities? {
        var next = current
        if current.isStepDue(now: now) { self.held.withLock { $0.hasUnneededKeys = true } }
        try await next.advance(configuration: self.configuration, keyManager: self.keyManager, now: now)
        guard next.set != current.set else { return nil }
        next.set.numberBundle(after: current.set, now: now)
        return next
    }

    /// The next moment at which something is due, by what is in force.
    package var nextInstant: Date {
        self.held.withLock { $0.authorities.set.nextInstant }
    }

    private func deleteUnneededKeys() async throws {
        let (needed, isDue) = self.held.withLock { ($0.authorities.set.neededKeyNames, $0.hasUnneededKeys) }
        guard isDue else { return }
        let kept = needed.union(self.startFindings.keptKeys)
        for name in try await Self.keyNames(in: self.keyManager) where !kept.contains(name) {
            try await self.keyManager.deleteKey(id: name)
        }
        self.held.withLock { $0.hasUnneededKeys = false }
    }

    private static func keyNames(in keyManager: any KeyManager) async throws -> [String] {
        try await keyManager.keys().map(\.id).filter { $0.hasPrefix(HeldAuthorities.keyNamePrefix) }
    }
}
