import Crypto
package import FoundationEssentials
package import KeyManagement
import SPIFFE
import SwiftASN1
package import X509

/// A certificate of an SVID, and what it says.
struct SVIDCertificate {
    let der: [UInt8]
    let content: SVIDContent
}

/// An X.509 authority that can sign, with all that its leaves have in common made once.
package struct X509Authority: Sendable {
    /// How far `notBefore` lies before the moment of issue, so that clocks which are a little late accept the certificate.
    package static let backdate = VerifiedX509SVID.backdate

    package let key: SigningKey
    package let certificate: Certificate
    /// The subject key identifier, in lower-case hexadecimal digits.
    package let id: String
    package let notBefore: Date
    package let notAfter: Date
    private let template: SVIDTemplate

    /// Makes and proves what the leaves have in common: a leaf that is never valid and goes nowhere is read by another
    /// parser, and held against what it should say and against the key of the authority.
    ///
    /// - Throws: `.profileViolated` when such a leaf is not what it should be; `.signature` when the key is not the
    ///   authority's.
    package init(_ authority: X509AuthorityCertificate, key: SigningKey) throws(IssuanceError) {
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
        try self.prove()
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
        let content = SVIDContent(
            serialNumber: .random128(), id: id, publicKey: publicKey, dnsNames: dnsNames,
            notBefore: issuedAt.addingTimeInterval(-(Self.backdate / .seconds(1))), notAfter: notAfter)
        let parts: SVIDTemplate.Parts
        let der: [UInt8]
        do {
            parts = try self.template.parts(of: content)
            der = try self.template.certificate(content, parts)
        } catch {
            throw .signingFailed
        }
        if let violation = self.template.violation(of: der, content, parts) { throw .profileViolated(violation) }
        return SVIDCertificate(der: der, content: content)
    }

    /// What a certificate of this authority says otherwise than it was asked to, as every SVID is asked before it leaves;
    /// nil when nothing.
    ///
    /// The signature itself is not judged.
    package func violation(of der: [UInt8], _ content: SVIDContent) -> ProfileViolation? {
        guard let parts = try? self.template.parts(of: content) else { return .unreadable }
        return self.template.violation(of: der, content, parts)
    }

    private func prove() throws(IssuanceError) {
        let id: SPIFFEID
        let names: DNSNames
        do {
            id = try SPIFFEID(parsing: "spiffe://proof.invalid/proof")
            names = try DNSNames(["a.proof.invalid", "b.proof.invalid"])
        } catch {
            throw .signingFailed
        }
        let publicKey = Certificate.PublicKey(P256.Signing.PrivateKey().publicKey)
        // Its life ended half a century ago.
        let issuedAt = Date(timeIntervalSince1970: 10)
        let leaf = try self.svid(
            id: id, publicKey: publicKey, dnsNames: names, issuedAt: issuedAt, notAfter: issuedAt)
        guard let certificate = try? Certificate(derEncoded: leaf.der),
            let identifier = (try? self.certificate.extensions.subjectKeyIdentifier)?.keyIdentifier
        else { throw .profileViolated(.unreadable) }
        let authorityKeyIdentifier: Certificate.Extension
        do {
            authorityKeyIdentifier = try .init(AuthorityKeyIdentifier(keyIdentifier: identifier), critical: false)
        } catch {
            throw .signingFailed
        }
        let expected = CertificateContent(
            serialNumber: leaf.content.serialNumber, issuer: self.certificate.subject,
            subject: DistinguishedName(country: "US", organization: "SPIRE", commonName: names.commonName),
            notBefore: leaf.content.notBefore, notAfter: leaf.content.notAfter, publicKey: publicKey,
            extensions: [
                ProfileExtensions.svidKeyUsage, ProfileExtensions.svidExtendedKeyUsage,
                ProfileExtensions.svidConstraints, try Self.subjectKeyIdentifier(publicKey), authorityKeyIdentifier,
                try Self.names(names.names.map { .dnsName($0) } + [.uniformResourceIdentifier(id.uri)]),
            ])
        if let violation = expected.difference(from: certificate) { throw .profileViolated(violation) }
        if let violation = CertificateProfile.svid(id).violation(of: certificate) { throw .profileViolated(violation) }
        guard certificate.signatureAlgorithm == self.certificate.signatureAlgorithm else {
            throw .profileViolated(.signatureAlgorithm)
        }
        guard self.certificate.publicKey.isValidSignature(certificate.signature, for: certificate) else {
            throw .profileViolated(.signature)
        }
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
