/// A dictionary in shards, so that a changed copy shares all but the touched shards with the original.
struct ShardedDictionary<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private static var shardCount: Int { 256 }

    private var shards: [[Key: Value]]

    init() {
        self.shards = Array(repeating: [:], count: Self.shardCount)
    }

    subscript(key: Key) -> Value? {
        self.shards[Self.shard(of: key)][key]
    }

    subscript(key: Key, default initial: @autoclosure () -> Value) -> Value {
        get { self.shards[Self.shard(of: key)][key] ?? initial() }
        _modify { yield &self.shards[Self.shard(of: key)][key, default: initial()] }
    }

    mutating func removeValue(forKey key: Key) {
        self.shards[Self.shard(of: key)].removeValue(forKey: key)
    }

    private static func shard(of key: Key) -> Int {
        Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))
    }
}
