package import FoundationEssentials
package import SPIFFE
package import X509

/// What one X509-SVID is to say, beside what all of its authority say.
package struct SVIDContent: Sendable, Hashable {
    package let serialNumber: Certificate.SerialNumber
    package let id: SPIFFEID
    package let publicKey: Certificate.PublicKey
    /// The first is also the common name, if it has at most 64 characters.
    package let dnsNames: DNSNames
    /// In whole seconds, as ``notAfter``.
    package let notBefore: Date
    package let notAfter: Date

    package init(
        serialNumber: Certificate.SerialNumber, id: SPIFFEID, publicKey: Certificate.PublicKey, dnsNames: DNSNames,
        notBefore: Date, notAfter: Date
    ) {
        self.serialNumber = serialNumber
        self.id = id
        self.publicKey = publicKey
        self.dnsNames = dnsNames
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}
