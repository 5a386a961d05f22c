package import FoundationEssentials
package import KeyManagement
import SPIFFE
import SwiftASN1
package import X509

/// The certificate of an SVID, and its DER.
struct SVIDCertificate {
    let certificate: Certificate
    let der: [UInt8]
}

/// An X.509 authority that can sign, with all that its leaves have in common made once.
package struct X509Authority: Sendable {
    /// How far `notBefore` lies before the moment of issue, so that clocks which are a little late accept the certificate.
    package static let backdate: Duration = .seconds(10)

    package let key: SigningKey
    package let certificate: Certificate
    /// The subject key identifier, in lower-case hexadecimal digits.
    package let id: String
    package let notBefore: Date
    package let notAfter: Date
    private let template: SVIDTemplate

    init(_ authority: X509AuthorityCertificate, key: SigningKey) throws(IssuanceError) {
        self.key = key
        self.certificate = authority.certificate
        self.id = authority.id
        self.notBefore = authority.certificate.notValidBefore
        self.notAfter = authority.certificate.notValidAfter
        do {
            self.template = try SVIDTemplate(authority.certificate, key: key.certificateKey)
        } catch {
            throw .signingFailed
        }
    }

    /// Makes the certificate of a new authority, signed by itself.
    ///
    /// - Parameter now: The moment of issue; fractions of a second are dropped.
    static func selfSigned(
        key: SigningKey, configuration: AuthorityConfiguration, now: Date
    ) throws(IssuanceError) -> X509AuthorityCertificate {
        let issuedAt = now.wholeSecond
        let serialNumber = Certificate.SerialNumber.random128()
        let subject = DistinguishedName(
            country: configuration.caSubject.country, organization: configuration.caSubject.organization,
            commonName: configuration.caSubject.commonName, serialNumber: serialNumber.decimalDigits)
        let publicKey = key.certificateKey.publicKey
        let trustDomain = configuration.trustDomain
        let content = CertificateContent(
            serialNumber: serialNumber, issuer: subject, subject: subject,
            notBefore: issuedAt.addingTimeInterval(-(Self.backdate / .seconds(1))),
            notAfter: issuedAt.addingTimeInterval(configuration.caTTL / .seconds(1)), publicKey: publicKey,
            extensions: [
                ProfileExtensions.authorityKeyUsage, ProfileExtensions.authorityConstraints,
                try Self.subjectKeyIdentifier(publicKey),
                try Self.names([.uniformResourceIdentifier(trustDomain.id.uri)]),
            ])
        let certificate = try content.certificate(signedBy: key.certificateKey)
        if let violation = CertificateProfile.authority(trustDomain).violation(of: certificate) {
            throw .profileViolated(violation)
        }
        return X509AuthorityCertificate(certificate: certificate, keyName: key.id, issuedAt: issuedAt)
    }

    /// Makes the certificate of an SVID and reads it back from its DER, which says exactly this.
    ///
    /// - Parameters:
    ///   - dnsNames: The first is also the common name, if it has at most 64 characters.
    ///   - issuedAt: In whole seconds.
    ///   - notAfter: In whole seconds, not after ``notAfter`` of the authority.
    func svid(
        id: SPIFFEID, publicKey: Certificate.PublicKey, dnsNames: DNSNames, issuedAt: Date, notAfter: Date
    ) throws(IssuanceError) -> SVIDCertificate {
        let serialNumber = Certificate.SerialNumber.random128()
        let notBefore = issuedAt.addingTimeInterval(-(Self.backdate / .seconds(1)))
        let der: [UInt8]
        do {
            der = try self.template.certificate(
                serialNumber: serialNumber, id: id, publicKey: publicKey, dnsNames: dnsNames, notBefore: notBefore,
                notAfter: notAfter)
        } catch {
            throw .signingFailed
        }
        guard let certificate = try? Certificate(derEncoded: der) else { throw .profileViolated(.unreadable) }
        let violation: ProfileViolation? =
            if certificate.serialNumber != serialNumber {
                .serialNumber
            } else if certificate.issuer != self.certificate.subject {
                .issuer
            } else if certificate.notValidBefore != notBefore || certificate.notValidAfter != notAfter {
                .validity
            } else {
                CertificateProfile.svid(id).violation(of: certificate)
            }
        if let violation { throw .profileViolated(violation) }
        return SVIDCertificate(certificate: certificate, der: der)
    }

    /// Never critical: the subject is never empty (X509-SVID §3.1).
    private static func names(_ names: [GeneralName]) throws(IssuanceError) -> Certificate.Extension {
        do { return try .init(SubjectAlternativeNames(names), critical: false) } catch { throw .signingFailed }
    }

    private static func subjectKeyIdentifier(
        _ key: Certificate.PublicKey
    ) throws(IssuanceError) -> Certificate.Extension {
        do { return try .init(SubjectKeyIdentifier(hash: key), critical: false) } catch { throw .signingFailed }
    }
}
