/// Keeps the signing keys of the authorities by name.
///
/// Everything that has returned is visible to every later call. Calls may come from anywhere at the same time; of two
/// that replace the same key the one that ends last wins.
package protocol KeyManager: Sendable {
    /// Makes a key and keeps it, in place of one of that name.
    ///
    /// When it throws, the key that was there stays, unless ``KeyManagerError/isInForce`` says otherwise. `id` has 1 to
    /// 255 bytes and no control characters.
    func generateKey(id: String, type: KeyType) async throws(KeyManagerError) -> SigningKey

    /// The key of that name; nil when there is none.
    func key(id: String) async throws(KeyManagerError) -> SigningKey?

    /// All keys, ordered by name.
    func keys() async throws(KeyManagerError) -> [SigningKey]

    /// Forgets the key of that name; nothing happens when there is none.
    ///
    /// When it throws, the key stays, unless ``KeyManagerError/isInForce`` says otherwise.
    func deleteKey(id: String) async throws(KeyManagerError)
}

/// The limits that all key managers share.
package enum KeyManagerLimits {
    /// The longest name of a key, in bytes.
    package static let maxKeyIDBytes = 255
    /// The most keys that are kept at the same time.
    package static let maxKeys = 1_024

    static func check(id: String) throws(KeyManagerError) {
        let isValid = (1...self.maxKeyIDBytes).contains(id.utf8.count) && !id.utf8.contains { $0 < 0x20 || $0 == 0x7F }
        guard isValid else { throw .invalidKeyID }
    }
}
