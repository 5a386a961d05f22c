package import FoundationEssentials
import Rotation

/// What the rotation has to know of an authority, whatever it signs.
package protocol RotatingAuthority: Sendable, Hashable {
    /// The authority's name as SPIRE's tools show it: unique among all authorities of a kind, for all time.
    var id: String { get }
    /// The name of its private key in the key manager.
    var keyName: String { get }
    /// When it was made, in whole seconds: its lifetime counts from here.
    var issuedAt: Date { get }
    /// The moment before which what it signs is not accepted; nil when nobody looks at that.
    var validFrom: Date? { get }
    /// The last second in which what it signed is accepted.
    var expiresAt: Date { get }
    /// When its successor is made and published; by default `notAfter - min(life/2, 30 d)`.
    var successorDue: Date { get }
}

extension RotatingAuthority {
    package var successorDue: Date {
        RotationSchedule.preparation(notBefore: self.issuedAt, notAfter: self.expiresAt)
    }
}
