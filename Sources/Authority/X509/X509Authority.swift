package import FoundationEssentials
package import KeyManagement
import SPIFFE
import SwiftASN1
package import X509

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
    private let authorityKeyIdentifier: Certificate.Extension

    init(_ authority: X509AuthorityCertificate, key: SigningKey) throws(IssuanceError) {
        self.key = key
        self.certificate = authority.certificate
        self.id = authority.id
        self.notBefore = authority.certificate.notValidBefore
        self.notAfter = authority.certificate.notValidAfter
        do {
            let identifier = SubjectKeyIdentifier(hash: authority.certificate.publicKey).keyIdentifier
            self.authorityKeyIdentifier = try Certificate.Extension(
                AuthorityKeyIdentifier(keyIdentifier: identifier), critical: false)
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

    /// Makes the certificate of an SVID: the content of SPIRE's, for workloads, agents and the server alike.
    ///
    /// - Parameters:
    ///   - dnsNames: The first is also the common name, if it has at most 64 characters.
    ///   - issuedAt: In whole seconds.
    ///   - notAfter: In whole seconds, not after ``notAfter`` of the authority.
    func svid(
        id: SPIFFEID, publicKey: Certificate.PublicKey, dnsNames: DNSNames, issuedAt: Date, notAfter: Date
    ) throws(IssuanceError) -> Certificate {
        let names = dnsNames.names.map { GeneralName.dnsName($0) } + [.uniformResourceIdentifier(id.uri)]
        let content = CertificateContent(
            serialNumber: .random128(), issuer: self.certificate.subject,
            subject: DistinguishedName(country: "US", organization: "SPIRE", commonName: dnsNames.commonName),
            notBefore: issuedAt.addingTimeInterval(-(Self.backdate / .seconds(1))), notAfter: notAfter,
            publicKey: publicKey,
            extensions: [
                ProfileExtensions.svidKeyUsage, ProfileExtensions.svidExtendedKeyUsage,
                ProfileExtensions.svidConstraints, try Self.subjectKeyIdentifier(publicKey),
                self.authorityKeyIdentifier, try Self.names(names),
            ])
        let certificate = try content.certificate(signedBy: self.key.certificateKey)
        if let violation = CertificateProfile.svid(id).violation(of: certificate) {
            throw .profileViolated(violation)
        }
        return certificate
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
