/// Why a key manager did not do what it was asked; what it held before stays in force, unless ``isInForce``.
package enum KeyManagerError: Error, Hashable {
    /// The name is empty, longer than 255 bytes or contains control characters.
    case invalidKeyID
    /// There are ``KeyManagerLimits/maxKeys`` keys already.
    case tooManyKeys(limit: Int)
    /// The key of this name could not be made or used.
    case key(id: String, KeyPairError)
    /// The file of keys could not be read or written, or is open to others.
    case file(PrivateFileError)
    /// Another process uses the file of keys at `path`.
    case inUse(path: String)
    /// The file at `path` is not a file of keys that was written here. Nothing of it is used.
    case corruptedFile(path: String, reason: String)

    /// Whether the change was made all the same, in memory and in the file, and only its surviving a power failure is
    /// uncertain.
    package var isInForce: Bool {
        if case .file(.notFlushed) = self { true } else { false }
    }
}

extension KeyManagerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidKeyID: "a key ID has 1 to 255 bytes and no control characters"
        case .tooManyKeys(let limit): "there are \(limit) keys already"
        case .key(let id, let error): "key '\(id)': \(error)"
        case .file(let error): "\(error)"
        case .inUse(let path): "another process uses the key file '\(path)'"
        case .corruptedFile(let path, let reason):
            "the key file '\(path)' is corrupted: \(reason); no key of it is used"
        }
    }
}
