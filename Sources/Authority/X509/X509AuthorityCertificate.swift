package import FoundationEssentials
import SPIFFE
package import X509

/// An X.509 authority as the trust bundle shows it, and the name of its key.
package struct X509AuthorityCertificate: RotatingAuthority {
    package let certificate: Certificate
    package let keyName: String
    package let issuedAt: Date

    /// The subject key identifier of the certificate, in lower-case hexadecimal digits.
    package let id: String

    package var validFrom: Date? { self.certificate.notValidBefore }
    package var expiresAt: Date { self.certificate.notValidAfter }

    package init(certificate: Certificate, keyName: String, issuedAt: Date) {
        self.certificate = certificate
        self.keyName = keyName
        self.issuedAt = issuedAt
        self.id = SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier.hexadecimal
    }
}
