package import KeyManagement
package import SPIFFE

/// Why a store could not be opened; nothing in it has changed.
package enum DatastoreError: Error, Hashable, Sendable {
    /// The store was made for another trust domain; a store's trust domain never changes.
    case otherTrustDomain(stored: String, configured: TrustDomain)
    /// The store was written by a newer version of this program.
    case newerSchema(stored: Int, supported: Int)
    /// The file is missing and cannot be made, others may read or write it, or its directory is open to others.
    case unsafeFile(PrivateFileError)
    case cannotOpen(path: String, reason: String)
}

extension DatastoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .otherTrustDomain(let stored, let configured):
            "the store belongs to trust domain \(stored), not to \(configured.name): one store serves one trust domain for good"
        case .newerSchema(let stored, let supported):
            "the store has schema version \(stored), this program knows up to \(supported): use the program that wrote it"
        case .unsafeFile(let error):
            "the store is not opened: \(error)"
        case .cannotOpen(let path, let reason):
            "cannot open the store \(path): \(reason)"
        }
    }
}
