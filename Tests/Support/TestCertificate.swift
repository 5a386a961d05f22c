package import FoundationEssentials
import SwiftASN1
package import X509

/// What to put into a certificate of a ``TestAuthority``; every rule can be broken.
package struct TestCertificate: Sendable {
    package var uriNames: [String] = []
    package var dnsNames: [String] = []
    /// The Subject Alternative Name extension as raw DER, in the place of the names above.
    package var rawSubjectAlternativeName: [UInt8]?
    package var subject = DistinguishedName()
    /// The name of the issuer; nil for the subject of the authority that signs.
    package var issuer: DistinguishedName?
    package var serialNumber = Certificate.SerialNumber()
    package var notBefore: Date
    package var notAfter: Date
    /// Nil to leave the extension out.
    package var basicConstraints: BasicConstraints? = .notCertificateAuthority
    /// Nil to leave the extension out.
    package var keyUsage: KeyUsage? = KeyUsage(digitalSignature: true, keyEncipherment: true, keyAgreement: true)
    package var keyUsageIsCritical = true
    /// Nil to leave the extension out.
    package var extendedKeyUsage: ExtendedKeyUsage? = try? ExtendedKeyUsage([.serverAuth, .clientAuth])
    package var nameConstraints: NameConstraints?
    package var extraExtensions: [Certificate.Extension] = []

    /// Valid from a minute before `now` for `lifetime`.
    package init(now: Date, lifetime: Duration) {
        self.notBefore = now.addingTimeInterval(-60)
        self.notAfter = now.addingTimeInterval(lifetime / .seconds(1))
    }

    /// Makes this the certificate of a CA.
    package mutating func becomeSigning(pathLength: Int? = nil) {
        self.basicConstraints = .isCertificateAuthority(maxPathLength: pathLength)
        self.keyUsage = KeyUsage(keyCertSign: true, cRLSign: true)
        self.extendedKeyUsage = nil
    }

    /// Signs the certificate.
    ///
    /// - Parameters:
    ///   - keyIdentifier: The subject key identifier; the extension is left out when nil.
    ///   - issuerKeyIdentifier: The authority key identifier; the extension is left out when nil.
    package func certificate(
        publicKey: Certificate.PublicKey, keyIdentifier: [UInt8]?, issuer: DistinguishedName,
        issuerKey: Certificate.PrivateKey, issuerKeyIdentifier: [UInt8]?
    ) throws -> Certificate {
        var extensions = Certificate.Extensions()
        if let basicConstraints { try extensions.append(.init(basicConstraints, critical: true)) }
        if let keyUsage { try extensions.append(.init(keyUsage, critical: self.keyUsageIsCritical)) }
        if let extendedKeyUsage { try extensions.append(.init(extendedKeyUsage, critical: false)) }
        if let name = try self.subjectAlternativeName() { try extensions.append(name) }
        if let nameConstraints { try extensions.append(.init(nameConstraints, critical: true)) }
        if let keyIdentifier {
            let identifier = SubjectKeyIdentifier(keyIdentifier: keyIdentifier[...])
            try extensions.append(.init(identifier, critical: false))
        }
        if let issuerKeyIdentifier {
            let identifier = AuthorityKeyIdentifier(keyIdentifier: issuerKeyIdentifier[...])
            try extensions.append(.init(identifier, critical: false))
        }
        for extra in self.extraExtensions { try extensions.append(extra) }
        return try Certificate(
            version: .v3, serialNumber: self.serialNumber, publicKey: publicKey, notValidBefore: self.notBefore,
            notValidAfter: self.notAfter, issuer: self.issuer ?? issuer, subject: self.subject,
            extensions: extensions, issuerPrivateKey: issuerKey)
    }

    private func subjectAlternativeName() throws -> Certificate.Extension? {
        if let rawSubjectAlternativeName {
            return .init(
                oid: .X509ExtensionID.subjectAlternativeName, critical: true, value: rawSubjectAlternativeName[...])
        }
        let names =
            self.uriNames.map { GeneralName.uniformResourceIdentifier($0) }
            + self.dnsNames.map { GeneralName.dnsName($0) }
        guard !names.isEmpty else { return nil }
        return try .init(SubjectAlternativeNames(names), critical: self.subject.isEmpty)
    }
}
