/// Why a key manager did not do what it was asked; what it held before stays in force.
package enum KeyManagerError: Error, Hashable {
    /// The name is empty, longer than 255 bytes or contains control characters.
    case invalidKeyID
    /// There are ``KeyManagerLimits/maxKeys`` keys already.
    case tooManyKeys(limit: Int)
    /// The key of this name could not be made or used.
    case key(id: String, KeyPairError)
    /// The file of keys could not be read or written, or is open to others.
    case file(PrivateFileError)
    /// The file at `path` is not a file of keys that was written here. Nothing of it is used.
    case corruptedFile(path: String, reason: String)
}

extension KeyManagerError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidKeyID: "a key ID has 1 to 255 bytes and no control characters"
        case .tooManyKeys(let limit): "there are \(limit) keys already"
        case .key(let id, let error): "key '\(id)': \(error)"
        case .file(let error): "\(error)"
        case .corruptedFile(let path, let reason):
            "the key file '\(path)' is corrupted: \(reason); no key of it is used"
        }
    }
}
