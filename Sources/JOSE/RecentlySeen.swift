import Crypto
package import FoundationEssentials

/// Which tokens, or chains of certificates, were seen lately, by the hash of all their bytes; the least recently used
/// makes room.
///
/// It tells a position for each, from 0 and without gaps, at which its owner keeps what it knows of it. It knows
/// nothing of validity: what is known is judged again by whoever takes it.
package struct RecentlySeen: Sendable {
    /// SHA-256 of something.
    package struct Key: Hashable, Sendable {
        private let words: (UInt64, UInt64, UInt64, UInt64)

        package init(_ token: String) {
            var hasher = SHA256()
            var token = token
            token.withUTF8 { unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer($0)) }
            self.init(hasher.finalize())
        }

        /// - Parameter parts: What parts there are, and where one ends, is hashed, too.
        package init(parts: [[UInt8]]) {
            var hasher = SHA256()
            for part in parts {
                unsafe withUnsafeBytes(of: UInt64(part.count).bigEndian) { unsafe hasher.update(bufferPointer: $0) }
                unsafe part.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
            }
            self.init(hasher.finalize())
        }

        private init(_ digest: SHA256Digest) {
            var bytes = digest.makeIterator()
            func word() -> UInt64 { (0..<8).reduce(0) { value, _ in value << 8 | UInt64(bytes.next() ?? 0) } }
            self.words = (word(), word(), word(), word())
        }

        package static func == (lhs: Key, rhs: Key) -> Bool { lhs.words == rhs.words }

        package func hash(into hasher: inout Hasher) {
            // The hash of a hash: a word of it is enough.
            hasher.combine(self.words.0)
        }
    }

    private struct Slot {
        var key: Key
        var keptUntil: Date
        /// The slot used next after this one; itself when this is the most recent.
        var newer: Int
        var older: Int
    }

    private static let nowhere = -1

    package let capacity: Int
    private var positions: [Key: Int] = [:]
    private var slots: [Slot] = []
    private var free: [Int] = []
    private var newest = Self.nowhere
    private var oldest = Self.nowhere

    /// - Parameter capacity: How many are kept; above zero.
    package init(capacity: Int) {
        self.capacity = capacity
    }

    package var count: Int { self.positions.count }

    /// The position of what has this key, which becomes the most recently used; nil when it is not there, or kept for too long.
    package mutating func position(of key: Key, now: Date) -> Int? {
        guard let position = self.positions[key] else { return nil }
        guard now < self.slots[position].keptUntil else {
            self.remove(at: position)
            return nil
        }
        if position != self.newest {
            self.unlink(position)
            self.link(position)
        }
        return position
    }

    /// Keeps a key; when there is no room, the least recently used goes.
    ///
    /// - Returns: Its position: one that was told before and is free again, or the next one that never was.
    package mutating func insert(_ key: Key, keptUntil: Date) -> Int {
        if let position = self.positions[key] { self.remove(at: position) }
        if self.positions.count >= self.capacity { self.remove(at: self.oldest) }
        let slot = Slot(key: key, keptUntil: keptUntil, newer: Self.nowhere, older: Self.nowhere)
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
        return position
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
