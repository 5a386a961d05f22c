import Synchronization

/// Keys that are gone when the process ends.
package final class MemoryKeyManager: KeyManager {
    private let held = Mutex<[String: SigningKey]>([:])

    package init() {}

    package func generateKey(id: String, type: KeyType) async throws(KeyManagerError) -> SigningKey {
        try KeyManagerLimits.check(id: id)
        let key: SigningKey
        do { key = SigningKey(id: id, keyPair: try KeyPair.generate(type)) } catch { throw .key(id: id, error) }
        let isKept = self.held.withLock { held in
            guard held[id] != nil || held.count < KeyManagerLimits.maxKeys else { return false }
            held[id] = key
            return true
        }
        guard isKept else { throw .tooManyKeys(limit: KeyManagerLimits.maxKeys) }
        return key
    }

    package func key(id: String) async throws(KeyManagerError) -> SigningKey? {
        self.held.withLock { $0[id] }
    }

    package func keys() async throws(KeyManagerError) -> [SigningKey] {
        self.held.withLock { Array($0.values) }.sorted { $0.id < $1.id }
    }

    package func deleteKey(id: String) async throws(KeyManagerError) {
        self.held.withLock { $0[id] = nil }
    }
}
