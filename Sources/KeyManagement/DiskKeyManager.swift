import Synchronization

/// Keys in one file that only its owner may read.
///
/// The file is replaced whole at each change and is on disk when the call returns. Of two processes that shared it each
/// would overwrite the other's keys, so it is locked until this value is gone: by an empty file beside it with `.lock`
/// after the name, which stays.
package final class DiskKeyManager: KeyManager {
    /// The file of keys.
    package let path: String
    private let write: @Sendable ([UInt8], String) throws(PrivateFileError) -> Void
    private let lock: FileLock
    // The file is written under the lock: file and memory change together, and in the same order.
    private let held: Mutex<[String: SigningKey]>

    /// Reads the keys; a file that does not exist holds none and is made at the first change.
    ///
    /// What a process that ended in the middle of a write left beside the file is removed.
    ///
    /// - Throws: `.inUse`; `.file` when the file or its directory is open to others than its owner, or there is no such
    ///   directory; `.corruptedFile`.
    package convenience init(path: String) throws(KeyManagerError) {
        try self.init(path: path) { bytes, path throws(PrivateFileError) in try PrivateFile.write(bytes, to: path) }
    }

    /// Reads the keys, and writes them as told: as ``PrivateFile/write(_:to:mode:)`` does, or fails to.
    package init(
        path: String, write: @escaping @Sendable ([UInt8], String) throws(PrivateFileError) -> Void
    ) throws(KeyManagerError) {
        self.path = path
        self.write = write
        self.lock = try FileLock(of: path)
        let bytes: [UInt8]?
        do {
            try PrivateFile.removeLeftovers(of: path)
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
    ///
    /// What is in memory afterwards is what is in the file.
    private func change(_ change: (inout [String: SigningKey]) -> Bool) throws(KeyManagerError) {
        try self.held.withLock { (held: inout sending [String: SigningKey]) throws(KeyManagerError) in
            var changed = held
            guard change(&changed) else { return }
            guard changed.count <= KeyManagerLimits.maxKeys else {
                throw .tooManyKeys(limit: KeyManagerLimits.maxKeys)
            }
            let bytes = KeyFile.serialize(changed.values.sorted { $0.id < $1.id })
            do throws(PrivateFileError) {
                try self.write(bytes, self.path)
            } catch {
                let error = KeyManagerError.file(error)
                if error.isInForce { held = changed }
                throw error
            }
            held = changed
        }
    }
}
