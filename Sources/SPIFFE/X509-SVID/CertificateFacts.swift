import SwiftASN1
import X509

/// A certificate and what the rules of X509-SVID ask of it, read from its extensions once.
struct CertificateFacts {
    /// The longest serial number of a leaf, in bytes (RFC 5280 §4.1.2.2).
    private static let maxSerialNumberBytes = 20

    let certificate: Certificate
    /// What the extension of that identifier says about who may sign; nil when it is absent.
    let basicConstraints: BasicConstraints?
    let keyUsage: KeyUsage?
    let keyUsageIsCritical: Bool
    /// The URI SANs as the bytes in the certificate; nothing is normalised.
    let uriNames: [ArraySlice<UInt8>]
    /// The forms of all names that the certificate has: its SANs, its subject and an e-mail address in that.
    let nameForms: Set<GeneralNameForm>
    let nameConstraints: URINameConstraints?

    /// - Parameter isConsistent: Whether the consistency of the signature was checked when the certificate arrived.
    /// - Throws: `.malformedCertificate`, `.malformedExtension`.
    init(_ certificate: Certificate, position: Int, isConsistent: Bool = false) throws(X509SVIDError) {
        guard isConsistent || Certificate.isSignatureConsistent(certificate.derBytes) else {
            throw .malformedCertificate(position: position)
        }
        let extensions = certificate.extensions
        self.certificate = certificate
        self.basicConstraints = try Self.read(.X509ExtensionID.basicConstraints, extensions, position) {
            try BasicConstraints($0)
        }
        self.keyUsage = try Self.read(.X509ExtensionID.keyUsage, extensions, position) { try KeyUsage($0) }
        self.keyUsageIsCritical = extensions[oid: .X509ExtensionID.keyUsage]?.critical ?? false
        let names =
            try Self.read(.X509ExtensionID.subjectAlternativeName, extensions, position) {
                try Self.names(in: $0.value)
            } ?? []
        self.uriNames = names.compactMap { $0.form == .uri ? $0.content : nil }
        self.nameForms = Set(names.map(\.form)).union(Self.forms(of: certificate.subject))
        self.nameConstraints = try Self.read(.X509ExtensionID.nameConstraints, extensions, position) {
            URINameConstraints(try NameConstraints($0))
        }
    }

    var isCA: Bool {
        if case .isCertificateAuthority = self.basicConstraints { true } else { false }
    }

    /// The pathLenConstraint; nil when there is none.
    var pathLength: Int? {
        if case .isCertificateAuthority(let length) = self.basicConstraints { length } else { nil }
    }

    /// Whether the certificate renews the name of its issuer (RFC 5280 §6.1).
    var isSelfIssued: Bool {
        self.certificate.subject == self.certificate.issuer
    }

    /// The SPIFFE ID of a leaf, which has exactly one URI SAN (X509-SVID §2).
    func spiffeID() throws(X509SVIDError) -> SPIFFEID {
        guard let name = self.uriNames.first else { throw .noURIName }
        guard self.uriNames.count == 1 else { throw .severalURINames(count: self.uriNames.count) }
        do { return try SPIFFEID(parsing: name) } catch { throw .invalidSPIFFEID(error) }
    }

    /// The rules for the leaf that every validator applies (X509-SVID §5.2); returns its ID.
    func checkLeaf() throws(X509SVIDError) -> SPIFFEID {
        let serialNumber = self.certificate.serialNumber.bytes
        guard serialNumber.count <= Self.maxSerialNumberBytes else {
            throw .serialNumberTooLong(bytes: serialNumber.count)
        }
        let id = try self.spiffeID()
        guard !self.isCA else { throw .leafIsCA }
        if let keyUsage {
            guard !keyUsage.keyCertSign else { throw .leafMaySignCertificates }
            guard !keyUsage.cRLSign else { throw .leafMaySignCRLs }
        }
        guard !id.path.isEmpty else { throw .leafWithoutPath(id.trustDomain) }
        return id
    }

    /// The names in a GeneralNames value (RFC 5280 §4.2.1.6).
    private static func names(
        in value: ArraySlice<UInt8>
    ) throws -> [(form: GeneralNameForm, content: ArraySlice<UInt8>)] {
        let node = try DER.parse(value)
        guard node.identifier == .sequence, case .constructed(let children) = node.content else {
            throw ASN1Error.unexpectedFieldType(node.identifier)
        }
        return try children.map { child in
            guard let form = GeneralNameForm(child.identifier) else {
                throw ASN1Error.unexpectedFieldType(child.identifier)
            }
            switch child.content {
            case .primitive(let content): return (form, content)
            case .constructed:
                guard form != .uri else { throw ASN1Error.unexpectedFieldType(child.identifier) }
                return (form, [])
            }
        }
    }

    /// The forms of name that constraints find in a subject (RFC 5280 §4.2.1.10).
    private static func forms(of subject: DistinguishedName) -> Set<GeneralNameForm> {
        guard !subject.isEmpty else { return [] }
        let hasEMail = subject.contains { $0.contains { $0.type == .RDNAttributeType.emailAddress } }
        return hasEMail ? [.directoryName, .rfc822Name] : [.directoryName]
    }

    private static func read<Value>(
        _ identifier: ASN1ObjectIdentifier, _ extensions: Certificate.Extensions, _ position: Int,
        _ parse: (Certificate.Extension) throws -> Value
    ) throws(X509SVIDError) -> Value? {
        guard let found = extensions[oid: identifier] else { return nil }
        do { return try parse(found) } catch {
            throw .malformedExtension(String(describing: identifier), position: position)
        }
    }
}
