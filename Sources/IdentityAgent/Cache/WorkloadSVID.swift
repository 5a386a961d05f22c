import AccessTokens
package import FoundationEssentials
import JOSE
package import Registration
import Rotation
package import SPIFFE
import SwiftProtobuf
package import WorkloadAPIProtos

/// The X509-SVID or the WIT-SVID of an entry, with its key, as it is handed to workloads.
package struct WorkloadSVID: Sendable {
    package let spiffeID: SPIFFEID
    /// The entry it was made for, as it was then.
    package let entry: RegistrationEntry
    package let content: Content
    /// The key identifier of the authority that its chain leads to, where it says which; of a WIT-SVID the `kid`.
    package let authorityKeyIdentifier: [UInt8]?
    package let notAfter: Date
    /// When it was received, or the earlier moment from which it is valid: a clock that shows less was set back.
    package let since: Date
    /// SHA-256 of the leaf certificate (RFC 8705 §3.1); of a WIT-SVID nothing.
    package let certificateSHA256: [UInt8]
    /// When it is replaced: at half of its life, up to a tenth of it sooner or later.
    package let renewAt: Date

    /// What the Workload API sends.
    package enum Content: Sendable {
        /// All but the bundle, which rotates on its own.
        case x509(WorkloadAPIProtos.X509SVID)
        case wit(WorkloadAPIProtos.WITSVID)
    }

    /// - Parameter issuedAt: When it was received.
    package init(
        _ svid: SPIFFE.X509SVID, entry: RegistrationEntry, issuedAt: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.spiffeID = svid.id
        self.entry = entry
        self.content = .x509(
            .with {
                $0.spiffeID = svid.id.uri
                $0.x509Svid = Data(svid.certificatesDER)
                $0.x509SvidKey = Data(svid.privateKeyPKCS8DER)
            })
        self.authorityKeyIdentifier = svid.authorityKeyIdentifier
        self.notAfter = svid.notAfter
        self.since = min(svid.notBefore, issuedAt)
        self.certificateSHA256 = svid.certificateSHA256
        self.renewAt = RotationSchedule.renewal(
            issuedAt: issuedAt, notBefore: svid.notBefore, notAfter: svid.notAfter, using: &generator)
    }

    /// - Parameter issuedAt: When it was received.
    package init(
        _ svid: SPIFFE.WITSVID, entry: RegistrationEntry, issuedAt: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.spiffeID = svid.id
        self.entry = entry
        self.content = .wit(
            .with {
                $0.spiffeID = svid.id.uri
                $0.witSvid = svid.token
                $0.witSvidKey = String(decoding: JSON.serialize(.object(svid.privateKey.object())), as: UTF8.self)
            })
        self.authorityKeyIdentifier = (try? UnverifiedJWT(parsing: svid.token).keyID).map { Array($0.utf8) }
        self.notAfter = svid.expiresAt
        self.since = min(svid.issuedAt ?? issuedAt, issuedAt)
        self.certificateSHA256 = []
        self.renewAt = RotationSchedule.renewal(
            issuedAt: issuedAt, notBefore: svid.issuedAt ?? issuedAt, notAfter: svid.expiresAt, using: &generator)
    }

    /// Whether a workload of the entry may be given it: an entry whose SPIFFE ID changed grants the old one no more.
    package func isServable(for entry: RegistrationEntry, now: Date) -> Bool {
        self.spiffeID == entry.spiffeID && now < self.notAfter
    }
}

extension WorkloadSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "WorkloadSVID(\(self.spiffeID), key: <redacted>)" }
    package var customMirror: Mirror { Mirror(self, children: ["spiffeID": self.spiffeID, "notAfter": self.notAfter]) }
}
