package import FoundationEssentials

/// What is known of the tokens, or chains of certificates, that were seen lately; the least recently used makes room.
///
/// It knows nothing of validity: what comes out is judged again by whoever takes it.
package struct RecentlyKnown<Value: Sendable>: Sendable {
    @usableFromInline
    package var recent: RecentlySeen
    /// By the position that `recent` tells.
    @usableFromInline
    package var values: [Value] = []

    /// - Parameter capacity: How many are kept; above zero.
    package init(capacity: Int) {
        self.recent = RecentlySeen(capacity: capacity)
    }

    package var count: Int { self.recent.count }

    /// The value of a key, which becomes the most recently used; nil when it is not there, or kept for too long.
    @inlinable
    package mutating func value(of key: RecentlySeen.Key, now: Date) -> Value? {
        self.recent.position(of: key, now: now).map { self.values[$0] }
    }

    /// Keeps a value; when there is no room, the least recently used goes.
    @inlinable
    package mutating func insert(_ value: Value, for key: RecentlySeen.Key, keptUntil: Date) {
        let position = self.recent.insert(key, keptUntil: keptUntil)
        if position < self.values.count { self.values[position] = value } else { self.values.append(value) }
    }
}
