package import FoundationEssentials
import Rotation
package import SPIFFE
package import X509

/// The agent's own X509-SVID.
package struct AgentIdentity: Sendable {
    package let svid: X509SVID
    /// When the server issued it, as far as is known.
    ///
    /// Certificates are dated back, so short-lived ones would seem to be past half of their life when they are new.
    package let issuedAt: Date

    package var id: SPIFFEID { self.svid.id }
    package var notAfter: Date { self.svid.notAfter }

    /// Tells identities apart; new at each renewal.
    package var serialNumber: Certificate.SerialNumber? { self.svid.certificates.first?.serialNumber }

    package init(svid: X509SVID, issuedAt: Date) {
        self.svid = svid
        self.issuedAt = min(max(issuedAt, svid.notBefore), svid.notAfter)
    }

    /// When it is renewed: at half of its life, up to a tenth of it sooner or later.
    package func renewal(using generator: inout some RandomNumberGenerator) -> Date {
        RotationSchedule.renewal(
            issuedAt: self.issuedAt, notBefore: self.svid.notBefore, notAfter: self.notAfter, using: &generator)
    }
}

extension SPIFFEID {
    /// The ID of the control plane (SPIRE's convention).
    package static func server(of trustDomain: TrustDomain) throws(SPIFFEIDError) -> SPIFFEID {
        try SPIFFEID(trustDomain: trustDomain, path: "/spire/server")
    }

    /// Whether an agent of the trust domain could have this ID.
    package func isAgent(of trustDomain: TrustDomain) -> Bool {
        self.trustDomain == trustDomain && self.isUnder(segments: ["spire", "agent"])
    }
}
