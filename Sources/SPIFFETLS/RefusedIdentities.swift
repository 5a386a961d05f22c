import SPIFFE
import Synchronization
import X509

/// Tells of each X509-SVID that TLS cannot use, once, however many contexts come upon it.
package final class RefusedIdentities: Sendable {
    /// How many SVIDs are remembered; more than are in use at once.
    private static let maxRemembered = 16

    private let onRefused: @Sendable (SPIFFETLSError) -> Void
    /// The leaves of those that were told of; the newest last.
    private let leaves = Mutex<[Certificate]>([])

    /// - Parameter onRefused: Called outside of any lock.
    package init(_ onRefused: @escaping @Sendable (SPIFFETLSError) -> Void) {
        self.onRefused = onRefused
    }

    /// Tells of an SVID that was not told of before.
    func tell(of svid: X509SVID) {
        guard let leaf = svid.certificates.first else { return }
        let isNew = self.leaves.withLock { leaves in
            guard !leaves.contains(leaf) else { return false }
            leaves.append(leaf)
            if leaves.count > Self.maxRemembered { leaves.removeFirst() }
            return true
        }
        if isNew { self.onRefused(.identityUnusable(svid.id)) }
    }
}
