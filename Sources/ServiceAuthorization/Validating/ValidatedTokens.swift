import AccessTokens
import Crypto
import FoundationEssentials

/// Tokens that were validated before, by the hash of the whole token; the least recently used makes room.
///
/// It knows nothing of validity: what comes out is judged again by whoever takes it.
struct ValidatedTokens {
    /// SHA-256 of a token.
    struct Key: Hashable {
        private let words: (UInt64, UInt64, UInt64, UInt64)

        init(_ token: String) {
            var hasher = SHA256()
            var token = token
            token.withUTF8 { unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer($0)) }
            var bytes = hasher.finalize().makeIterator()
            func word() -> UInt64 { (0..<8).reduce(0) { value, _ in value << 8 | UInt64(bytes.next() ?? 0) } }
            self.words = (word(), word(), word(), word())
        }

        static func == (lhs: Key, rhs: Key) -> Bool { lhs.words == rhs.words }

        func hash(into hasher: inout Hasher) {
            // The hash of a hash: a word of it is enough.
            hasher.combine(self.words.0)
        }
    }

    private struct Slot {
        var key: Key
        var token: AccessToken
        var keptUntil: Date
        /// The slot used next after this one; itself when this is the most recent.
        var newer: Int
        var older: Int
    }

    private static let nowhere = -1

    let capacity: Int
    private var positions: [Key: Int] = [:]
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var newest = Self.nowhere
    private var oldest = Self.nowhere

    init(capacity: Int) {
        self.capacity = capacity
    }

    var count: Int { self.positions.count }

    /// The token of a key, which becomes the most recently used; nil when it is not there, or kept for too long.
    mutating func find(_ key: Key, now: Date) -> AccessToken? {
        guard let position = self.positions[key] else { return nil }
        guard now < self.slots[position].keptUntil else {
            self.remove(at: position)
            return nil
        }
        if position != self.newest {
            self.unlink(position)
            self.link(position)
        }
        return self.slots[position].token
    }

    /// Keeps a token; when there is no room, the least recently used goes.
    mutating func insert(_ token: AccessToken, for key: Key, keptUntil: Date) {
        if let position = self.positions[key] { self.remove(at: position) }
        if self.positions.count >= self.capacity { self.remove(at: self.oldest) }
        let slot = Slot(key: key, token: token, keptUntil: keptUntil, newer: Self.nowhere, older: Self.nowhere)
        let position: Int
        if let reused = self.free.popLast() {
            position = reused
            self.slots[position] = slot
        } else {
            position = self.slots.count
            self.slots.append(slot)
        }
        self.positions[key] = position
        self.link(position)
    }

    private mutating func remove(at position: Int) {
        self.positions[self.slots[position].key] = nil
        self.unlink(position)
        self.free.append(position)
    }

    private mutating func link(_ position: Int) {
        self.slots[position].older = self.newest
        self.slots[position].newer = Self.nowhere
        if self.newest != Self.nowhere { self.slots[self.newest].newer = position }
        self.newest = position
        if self.oldest == Self.nowhere { self.oldest = position }
    }

    private mutating func unlink(_ position: Int) {
        let slot = self.slots[position]
        if slot.newer == Self.nowhere { self.newest = slot.older } else { self.slots[slot.newer].older = slot.older }
        if slot.older == Self.nowhere { self.oldest = slot.newer } else { self.slots[slot.older].newer = slot.newer }
    }
}
