package import FoundationEssentials
package import KeyManagement
package import Rotation
import Synchronization

/// Keeps the keys of access tokens in force: makes the first one, replaces each in time, forgets the expired.
///
/// When what happens is the business of ``AuthoritySlots``, as with the authorities of SVIDs: a successor signs from five
/// sixths of the life of the key before. Other than there it is made and published in the JWK Set as soon as that key
/// signs: were it withdrawn, validators would know the next one. As there, the journal is written before anything is
/// published or used.
package final class TokenKeyRotation: Sendable {
    /// The names of keys in the key manager begin with this; others are never touched.
    package static let keyNamePrefix = "access-token-"

    /// The keys in force.
    package let state: Watched<TokenKeyState>

    private struct Held {
        var slots: AuthoritySlots<TokenKey>
        /// By name.
        var keys: [String: SigningKey]
        /// The `kid`s that are withdrawn.
        var withdrawn: Set<String>
        /// Whether the key manager may have keys that nobody needs.
        var hasUnneededKeys = true

        /// Those that are not withdrawn.
        var published: [TokenKey] { self.slots.all.filter { !self.withdrawn.contains($0.id) } }

        func canSign(_ key: TokenKey) -> Bool {
            self.keys[key.keyName] != nil && !self.withdrawn.contains(key.id)
        }

        func state() throws(TokenKeyError) -> TokenKeyState {
            guard let active = self.slots.active, let key = self.keys[active.keyName] else { throw .noKey }
            return TokenKeyState(signer: TokenSigner(active, key: key), keys: self.published)
        }

        /// When the life of a key begins that is made now: with half of that of the key that signs, which it follows.
        func beginOfSuccessor(now: Date) -> Date {
            guard let active = self.slots.active, self.canSign(active), active.isValid(at: now) else { return now }
            return max(now, RotationSchedule.preparation(notBefore: active.issuedAt, notAfter: active.expiresAt))
        }
    }

    private let configuration: TokenKeyConfiguration
    private let keyManager: any KeyManager
    private let journal: any TokenKeyJournal
    private let held: Mutex<Held>
    private let turns = Turns()

    /// Goes on with the keys in the journal, or makes the first one.
    ///
    /// - Parameters:
    ///   - keyManager: Its keys whose names begin with ``keyNamePrefix`` are this rotation's alone.
    ///   - withdrawn: The `kid`s of revoked keys: they neither sign nor are published.
    /// - Throws: ``TokenKeyError`` for records that cannot be trusted, and what the key manager or the journal throws.
    package static func start(
        configuration: TokenKeyConfiguration, keyManager: any KeyManager, journal: any TokenKeyJournal,
        withdrawn: Set<String> = [], now: Date
    ) async throws -> TokenKeyRotation {
        let recorded = try AuthoritySlots(await journal.loadTokenKeys())
        var keys: [String: SigningKey] = [:]
        for tokenKey in [recorded.active, recorded.prepared].compactMap(\.self) {
            guard let key = try await keyManager.key(id: tokenKey.keyName) else { continue }
            if key.publicKey == tokenKey.publicKey { keys[key.id] = key }
        }
        var held = Held(slots: recorded, keys: keys, withdrawn: withdrawn)
        try await Self.advance(&held, configuration, keyManager, now: now)
        let state = try held.state()
        if held.slots != recorded { try await journal.save(held.slots.records, now: now) }
        let rotation = TokenKeyRotation(configuration, keyManager, journal, held, state)
        // A key that cannot be deleted is no reason not to serve; the next rotation tries again.
        try? await rotation.deleteUnneededKeys()
        return rotation
    }

    private init(
        _ configuration: TokenKeyConfiguration, _ keyManager: any KeyManager, _ journal: any TokenKeyJournal,
        _ held: Held, _ state: TokenKeyState
    ) {
        self.configuration = configuration
        self.keyManager = keyManager
        self.journal = journal
        self.held = Mutex(held)
        self.state = Watched(state)
    }

    /// Does what is due at `now`: prepares, activates, prunes.
    ///
    /// When it throws, what is in force stays in force, and the same is due again; only when nothing but the deletion of
    /// keys failed has the new state been published already.
    ///
    /// - Returns: The next moment at which something is due.
    @discardableResult
    package func rotate(now: Date) async throws -> Date {
        try await self.turns.take {
            let next = try await self.advance(now: now)
            try await self.deleteUnneededKeys()
            return next
        }
    }

    /// Takes a key out of the JWK Set for good; where it is the one that signs, its successor signs at once.
    ///
    /// A key that cannot be deleted is no reason to throw: the next ``rotate(now:)`` tries again.
    ///
    /// - Throws: ``TokenKeyError/unknownKeyID``; then nothing has changed. What the key manager or the journal throws; then
    ///   the key is out of the JWK Set, its successor is due at the next ``rotate(now:)``, and nobody may sign until then.
    package func withdraw(keyID: String, now: Date) async throws {
        try await self.turns.take {
            try self.held.withLock { held throws(TokenKeyError) -> Void in
                guard held.slots.all.contains(where: { $0.id == keyID }) else { throw .unknownKeyID }
                held.withdrawn.insert(keyID)
            }
            // Whether or not another key can be made.
            defer { self.publishKeys() }
            _ = try await self.advance(now: now)
            try? await self.deleteUnneededKeys()
        }
    }

    /// Publishes the keys without those that were withdrawn since.
    private func publishKeys() {
        let keys = self.held.withLock { $0.published }
        let current = self.state.current
        guard keys != current.keys else { return }
        self.state.publish(TokenKeyState(signer: current.signer, keys: keys))
    }

    private func advance(now: Date) async throws -> Date {
        // The keys of rotations that failed would add up until there is no room for new ones, authorities' among them.
        // What cannot be deleted now is no reason not to rotate.
        try? await self.deleteUnneededKeys()
        let current = self.held.withLock { held in
            let canSign = held.canSign
            if held.slots.nextStep(now: now, canSign: canSign) != nil { held.hasUnneededKeys = true }
            return held
        }
        var next = current
        try await Self.advance(&next, self.configuration, self.keyManager, now: now)
        if next.slots != current.slots {
            let state = try next.state()
            try await self.journal.save(next.slots.records, now: now)
            let replacement = next
            self.held.withLock { $0 = replacement }
            self.state.publish(state)
        }
        return next.slots.nextInstant ?? now
    }

    /// Carries out every step that is due, in memory; only keys are made in the key manager.
    private static func advance(
        _ held: inout Held, _ configuration: TokenKeyConfiguration, _ keyManager: any KeyManager, now: Date
    ) async throws {
        while true {
            let snapshot = held
            guard let step = held.slots.nextStep(now: now, canSign: { snapshot.canSign($0) }) else { break }
            switch step {
            case .prepare:
                let random = (0..<2).map { _ in UInt64.random(in: 0...UInt64.max) }
                let name = Self.keyNamePrefix + random.map { String($0, radix: 36) }.joined()
                let key = try await keyManager.generateKey(id: name, type: configuration.keyType)
                held.keys[name] = key
                let begin = held.beginOfSuccessor(now: now)
                held.slots.prepare(TokenKey(key, lifetime: configuration.lifetime, from: begin))
            case .activate: held.slots.activate()
            case .setAside: held.slots.setAside()
            case .prune: held.slots.prune(now: now)
            }
        }
        let needed = held.slots.neededKeyNames
        held.keys = held.keys.filter { needed.contains($0.key) }
    }

    private func deleteUnneededKeys() async throws {
        let (needed, isDue) = self.held.withLock { ($0.slots.neededKeyNames, $0.hasUnneededKeys) }
        guard isDue else { return }
        for key in try await self.keyManager.keys() where key.id.hasPrefix(Self.keyNamePrefix) {
            if !needed.contains(key.id) { try await self.keyManager.deleteKey(id: key.id) }
        }
        self.held.withLock { $0.hasUnneededKeys = false }
    }
}

extension TokenKey {
    fileprivate init(_ key: SigningKey, lifetime: Duration, from begin: Date) {
        let issuedAt = begin.wholeSecond
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        self.init(
            id: String((0..<32).map { _ in characters[Int.random(in: characters.indices)] }),
            publicKey: key.publicKey, algorithm: key.type.jwtAlgorithm, keyName: key.id, issuedAt: issuedAt,
            expiresAt: issuedAt.addingTimeInterval(lifetime / .seconds(1)))
    }
}
