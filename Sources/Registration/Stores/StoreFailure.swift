/// A store could not do what was asked; the change that met it has no effect at all.
///
/// Everything acknowledged before stays in force and readable from memory. The text is the engine's, for the log.
package enum StoreFailure: Error, Hashable, Sendable {
    /// The disk or the quota is full.
    case full(String)
    /// Another process holds the store's lock.
    case busy(String)
    /// The store cannot be written: its file or file system is read-only.
    case readOnly(String)
    /// The store's content cannot be understood: a damaged file, or a row that no version of ours wrote.
    case damaged(String)
    /// The store's device or connection failed.
    case unavailable(String)
}

extension StoreFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .full(let text): "the store is full (\(text)); \(Self.inForce)"
        case .busy(let text): "the store is locked by another process (\(text)); \(Self.inForce)"
        case .readOnly(let text): "the store is read-only (\(text)); \(Self.inForce)"
        case .damaged(let text): "the store is damaged (\(text)); \(Self.inForce)"
        case .unavailable(let text): "the store is unavailable (\(text)); \(Self.inForce)"
        }
    }

    private static let inForce = "nothing of this change was made, what was acknowledged before stays in force"
}
