package import FoundationEssentials

/// One message of a stream of the state of tokens, as far as it has been read.
package struct TokenStateMessage: Sendable {
    package var issuer: String
    /// The JWK Set of the issuer; empty: unchanged.
    package var keySet: [UInt8]
    /// Whether it replaces what the reader holds.
    package var isFull: Bool
    /// Whether further messages belong to the same change.
    package var hasMore: Bool
    /// How old the sender's own knowledge was when it sent this.
    package var ageMilliseconds: UInt64
    package var revocations: [Revocation]

    package init(
        issuer: String, keySet: [UInt8], isFull: Bool, hasMore: Bool, ageMilliseconds: UInt64,
        revocations: [Revocation]
    ) {
        self.issuer = issuer
        self.keySet = keySet
        self.isFull = isFull
        self.hasMore = hasMore
        self.ageMilliseconds = ageMilliseconds
        self.revocations = revocations
    }
}

/// Puts the messages of a stream of the state of tokens together: pages of one change, changes since the last.
///
/// A state comes out when everything that belongs to a change is there. A message that cannot be used, and whatever
/// comes after it until the next full one, leaves the last state as it was, so that it becomes old.
package struct TokenStateAssembly: Sendable {
    /// The longest issuer, in bytes.
    package static let maxIssuerBytes = 2_048

    /// What a change has brought.
    package struct Change: Sendable {
        package let state: TokenState
        /// The JWK Set as it was sent.
        package let keySet: [UInt8]
        /// Whether it replaced everything.
        package let isFull: Bool
        /// The revocations that came with it.
        package let added: [Revocation]
    }

    private var keySet: [UInt8] = []
    private var keys: AccessTokenKeys?
    private var revocations = RevocationState()
    /// What has arrived of a change whose last page has not.
    private var pending: [Revocation] = []
    private var pendingIsFull = false
    /// Whether only a full message can follow.
    private var needsFull = true

    package init() {}

    /// Begins again with a new stream.
    package mutating func restart() {
        self.pending = []
        self.pendingIsFull = false
        self.needsFull = true
    }

    /// Goes on with a new stream, whose sender has been told the position of the last state that was complete.
    ///
    /// - Returns: Whether that is possible; otherwise ``restart()`` is needed.
    package mutating func resume() -> Bool {
        self.pending = []
        self.pendingIsFull = false
        return self.keys != nil && !self.needsFull
    }

    /// Takes a message.
    ///
    /// - Returns: The change, when the message completes one.
    /// - Throws: ``TokenStateError``; only a full message is taken then.
    package mutating func receive(
        _ message: TokenStateMessage, now: Date
    ) throws(TokenStateError) -> Change? {
        do {
            return try self.take(message, now: now)
        } catch {
            self.restart()
            throw error
        }
    }

    private mutating func take(_ message: TokenStateMessage, now: Date) throws(TokenStateError) -> Change? {
        if message.isFull, !self.pendingIsFull {
            self.pending = []
            self.pendingIsFull = true
            self.needsFull = false
        }
        guard !self.needsFull else { throw .notFull }
        guard (1...Self.maxIssuerBytes).contains(message.issuer.utf8.count) else { throw .malformed("issuer") }
        if !message.keySet.isEmpty, message.keySet != self.keySet {
            do { self.keys = try AccessTokenKeys(parsing: message.keySet) } catch { throw .keys(error) }
            self.keySet = message.keySet
        }
        guard let keys else { throw .malformed("jwk_set") }
        guard self.pending.count + message.revocations.count <= RevocationState.maxRevocations else {
            throw .revocations(.full(max: RevocationState.maxRevocations))
        }
        self.pending += message.revocations
        guard !message.hasMore else { return nil }

        let isFull = self.pendingIsFull
        if isFull || !self.pending.isEmpty {
            var revocations = isFull ? RevocationState() : self.revocations
            do { try revocations.add(self.pending, now: now) } catch { throw .revocations(error) }
            self.revocations = revocations
        }
        let age = Double(min(message.ageMilliseconds, 1_000_000_000_000)) / 1_000
        let state = TokenState(
            issuer: message.issuer, keys: keys, revocations: self.revocations, knownAt: now.addingTimeInterval(-age))
        defer {
            self.pending = []
            self.pendingIsFull = false
        }
        return Change(state: state, keySet: self.keySet, isFull: isFull, added: self.pending)
    }
}

/// Why a message about the state of tokens cannot be used.
package enum TokenStateError: Error, Hashable {
    /// It adds to a state that is not there.
    case notFull
    /// The field is missing or malformed.
    case malformed(String)
    case keys(AccessTokenKeysError)
    case revocations(RevocationStateError)
}
