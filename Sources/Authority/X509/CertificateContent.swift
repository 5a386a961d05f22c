import FoundationEssentials
import SPIFFE
import SwiftASN1
import X509

/// What a certificate is to say.
struct CertificateContent {
    let serialNumber: Certificate.SerialNumber
    let issuer: DistinguishedName
    let subject: DistinguishedName
    /// Whole seconds, as ``notAfter``.
    let notBefore: Date
    let notAfter: Date
    let publicKey: Certificate.PublicKey
    let extensions: [Certificate.Extension]

    /// Signs the certificate and reads it back from its DER, which says exactly this.
    func certificate(signedBy key: Certificate.PrivateKey) throws(IssuanceError) -> Certificate {
        let der: [UInt8]
        do {
            der = try Certificate(
                version: .v3, serialNumber: self.serialNumber, publicKey: self.publicKey,
                notValidBefore: self.notBefore, notValidAfter: self.notAfter, issuer: self.issuer,
                subject: self.subject, extensions: Certificate.Extensions(self.extensions), issuerPrivateKey: key
            ).derBytes
        } catch {
            throw .signingFailed
        }
        guard let certificate = try? Certificate(derEncoded: der) else { throw .profileViolated(.unreadable) }
        if let violation = self.difference(from: certificate) { throw .profileViolated(violation) }
        return certificate
    }

    /// In what a certificate differs; nil when it says exactly this.
    func difference(from certificate: Certificate) -> ProfileViolation? {
        if certificate.version != .v3 { return .version }
        if certificate.serialNumber != self.serialNumber { return .serialNumber }
        if certificate.issuer != self.issuer { return .issuer }
        if certificate.subject != self.subject { return .subject }
        if certificate.notValidBefore != self.notBefore || certificate.notValidAfter != self.notAfter {
            return .validity
        }
        if certificate.publicKey != self.publicKey { return .publicKey }
        if !certificate.extensions.elementsEqual(self.extensions) { return .extensions }
        return nil
    }
}
