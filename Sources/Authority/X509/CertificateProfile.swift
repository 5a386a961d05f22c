package import SPIFFE
import SwiftASN1
package import X509

/// The two kinds of certificates that are issued here, as rules that a finished certificate is held against.
///
/// Asked of the DER that leaves, not of what it was made from: of every authority, and of the leaf by which an authority
/// proves how it makes leaves. Costs no signature, except for authorities.
package enum CertificateProfile: Sendable {
    /// A self-signed X.509 authority (X509-SVID §3.2).
    case authority(TrustDomain)
    /// The leaf of a workload, an agent or the server (X509-SVID §3.1).
    case svid(SPIFFEID)

    /// Serial numbers have at most 128 bits.
    static let maxSerialNumberBytes = 16

    /// What is wrong with the certificate; nil when it is as it should be.
    package func violation(of certificate: Certificate) -> ProfileViolation? {
        let serialNumber = certificate.serialNumber.bytes
        guard certificate.version == .v3 else { return .version }
        guard (1...Self.maxSerialNumberBytes).contains(serialNumber.count), serialNumber.contains(where: { $0 != 0 })
        else { return .serialNumber }
        guard certificate.extensions.map(\.oid) == self.extensionIdentifiers else { return .extensions }
        let uri =
            switch self {
            case .authority(let trustDomain): trustDomain.id.uri
            case .svid(let id): id.uri
            }
        guard Self.uriNames(of: certificate) == [uri] else { return .uriName }
        return switch self {
        case .authority: Self.authorityViolation(of: certificate)
        case .svid: Self.svidViolation(of: certificate)
        }
    }

    private var extensionIdentifiers: [ASN1ObjectIdentifier] {
        switch self {
        case .authority:
            [
                .X509ExtensionID.keyUsage, .X509ExtensionID.basicConstraints, .X509ExtensionID.subjectKeyIdentifier,
                .X509ExtensionID.subjectAlternativeName,
            ]
        case .svid:
            [
                .X509ExtensionID.keyUsage, .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.basicConstraints,
                .X509ExtensionID.subjectKeyIdentifier, .X509ExtensionID.authorityKeyIdentifier,
                .X509ExtensionID.subjectAlternativeName,
            ]
        }
    }

    private static func authorityViolation(of certificate: Certificate) -> ProfileViolation? {
        let extensions = certificate.extensions
        guard certificate.issuer == certificate.subject else { return .issuer }
        guard let usage = try? extensions.keyUsage, usage == KeyUsage(keyCertSign: true, cRLSign: true),
            extensions[oid: .X509ExtensionID.keyUsage]?.critical == true
        else { return .keyUsage }
        guard (try? extensions.basicConstraints) == .isCertificateAuthority(maxPathLength: nil),
            extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true
        else { return .basicConstraints }
        guard certificate.publicKey.isValidSignature(certificate.signature, for: certificate) else {
            return .signature
        }
        return nil
    }

    private static func svidViolation(of certificate: Certificate) -> ProfileViolation? {
        let extensions = certificate.extensions
        let svidUsage = KeyUsage(digitalSignature: true, keyEncipherment: true, keyAgreement: true)
        guard let usage = try? extensions.keyUsage, usage == svidUsage,
            extensions[oid: .X509ExtensionID.keyUsage]?.critical == true
        else { return .keyUsage }
        guard (try? extensions.basicConstraints) == .notCertificateAuthority,
            extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true
        else { return .basicConstraints }
        guard let usages = try? extensions.extendedKeyUsage, usages.elementsEqual([.serverAuth, .clientAuth]) else {
            return .extendedKeyUsage
        }
        return nil
    }

    private static func uriNames(of certificate: Certificate) -> [String]? {
        guard let names = try? certificate.extensions.subjectAlternativeNames else { return nil }
        return names.compactMap { if case .uniformResourceIdentifier(let name) = $0 { name } else { nil } }
    }
}
