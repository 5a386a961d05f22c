import Synchronization

/// Keys in one file that only its owner may read.
///
/// The file is replaced whole at each change and is on disk when the call returns. Two processes must not share it:
/// each would overwrite the other's keys.
package final class DiskKeyManager: KeyManager {
    /// The file of keys.
    package let path: String
    // The file is written under the lock: file and memory change together, and in the same order.
    private let held: Mutex<[String: SigningKey]>

    /// Reads the keys; a file that does not exist holds none and is made at the first change.
    ///
    /// - Throws: `.file` when the file or its directory is open to others than its owner; `.corruptedFile`.
    package init(path: String) throws(KeyManagerError) {
        self.path = path
        let bytes: [UInt8]?
        do {
            bytes = try PrivateFile.read(path, maxBytes: KeyFile.maxBytes)
        } catch {
            throw .file(error)
        }
        var keys: [String: SigningKey] = [:]
        if let bytes {
            for key in try KeyFile.parse(bytes, path: path) { keys[key.id] = key }
        }
        self.held = Mutex(keys)
    }

    package func generateKey(id: String, type: KeyType) async throws(KeyManagerError) -> SigningKey {
        try KeyManagerLimits.check(id: id)
        let key: SigningKey
        do { key = SigningKey(id: id, keyPair: try KeyPair.generate(type)) } catch { throw .key(id: id, error) }
        try self.change { keys in
            keys[id] = key
            return true
        }
        return key
    }

    package func key(id: String) async throws(KeyManagerError) -> SigningKey? {
        self.held.withLock { $0[id] }
    }

    package func keys() async throws(KeyManagerError) -> [SigningKey] {
        self.held.withLock { Array($0.values) }.sorted { $0.id < $1.id }
    }

    package func deleteKey(id: String) async throws(KeyManagerError) {
        try self.change { $0.removeValue(forKey: id) != nil }
    }

    /// Writes the keys that `change` leaves, unless it says that nothing is different.
    private func change(_ change: (inout [String: SigningKey]) -> Bool) throws(KeyManagerError) {
        try self.held.withLock { (held: inout sending [String: SigningKey]) throws(KeyManagerError) in
            var changed = held
            guard change(&changed) else { return }
            guard changed.count <= KeyManagerLimits.maxKeys else {
                throw .tooManyKeys(limit: KeyManagerLimits.maxKeys)
            }
            let bytes = KeyFile.serialize(changed.values.sorted { $0.id < $1.id })
            do throws(PrivateFileError) {
                try PrivateFile.write(bytes, to: self.path)
            } catch {
                throw .file(error)
            }
            held = changed
        }
    }
}
