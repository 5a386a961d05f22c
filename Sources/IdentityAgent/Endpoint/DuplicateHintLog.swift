import Registration
import Synchronization

/// Remembers which entries were said to have the hint of an older one, so that it is said once a revision.
final class DuplicateHintLog: Sendable {
    private static let maxRemembered = 4_096

    private let revisions = Mutex<[String: Int64]>([:])

    /// Whether the entry is to be spoken of.
    func isNew(_ entry: RegistrationEntry) -> Bool {
        self.revisions.withLock { revisions in
            guard revisions[entry.id] != entry.revision else { return false }
            if revisions.count >= Self.maxRemembered { revisions.removeAll() }
            revisions[entry.id] = entry.revision
            return true
        }
    }
}
