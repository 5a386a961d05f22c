import SwiftASN1
import X509

/// What the rules of X509-SVID ask of one certificate, read from its extensions once.
struct CertificateFacts {
    /// What the extension of that identifier says about who may sign; nil when it is absent.
    let basicConstraints: BasicConstraints?
    let keyUsage: KeyUsage?
    let keyUsageIsCritical: Bool
    /// The URI SANs as the bytes in the certificate; nothing is normalised.
    let uriNames: [ArraySlice<UInt8>]

    /// - Throws: `.malformedExtension`.
    init(_ certificate: Certificate, position: Int) throws(X509SVIDError) {
        let extensions = certificate.extensions
        self.basicConstraints = try Self.read(.X509ExtensionID.basicConstraints, extensions, position) {
            try BasicConstraints($0)
        }
        self.keyUsage = try Self.read(.X509ExtensionID.keyUsage, extensions, position) { try KeyUsage($0) }
        self.keyUsageIsCritical = extensions[oid: .X509ExtensionID.keyUsage]?.critical ?? false
        self.uriNames =
            try Self.read(.X509ExtensionID.subjectAlternativeName, extensions, position) {
                try Self.names(tag: Self.uriTag, in: $0.value)
            } ?? []
    }

    var isCA: Bool {
        if case .isCertificateAuthority = self.basicConstraints { true } else { false }
    }

    /// The pathLenConstraint; nil when there is none.
    var pathLength: Int? {
        if case .isCertificateAuthority(let length) = self.basicConstraints { length } else { nil }
    }

    /// The SPIFFE ID of a leaf, which has exactly one URI SAN (X509-SVID §2).
    func spiffeID() throws(X509SVIDError) -> SPIFFEID {
        guard let name = self.uriNames.first else { throw .noURIName }
        guard self.uriNames.count == 1 else { throw .severalURINames(count: self.uriNames.count) }
        do { return try SPIFFEID(parsing: name) } catch { throw .invalidSPIFFEID(error) }
    }

    /// The rules for the leaf that every validator applies (X509-SVID §5.2); returns its ID.
    func checkLeaf() throws(X509SVIDError) -> SPIFFEID {
        let id = try self.spiffeID()
        guard !self.isCA else { throw .leafIsCA }
        if let keyUsage {
            guard !keyUsage.keyCertSign else { throw .leafMaySignCertificates }
            guard !keyUsage.cRLSign else { throw .leafMaySignCRLs }
        }
        guard !id.path.isEmpty else { throw .leafWithoutPath(id.trustDomain) }
        return id
    }

    private static let uriTag = ASN1Identifier(tagWithNumber: 6, tagClass: .contextSpecific)

    /// The content of all names of one form in a GeneralNames value (RFC 5280 §4.2.1.6).
    private static func names(tag: ASN1Identifier, in value: ArraySlice<UInt8>) throws -> [ArraySlice<UInt8>] {
        let node = try DER.parse(value)
        guard node.identifier == .sequence, case .constructed(let children) = node.content else {
            throw ASN1Error.unexpectedFieldType(node.identifier)
        }
        return try children.compactMap { child in
            guard child.identifier.tagClass == .contextSpecific, child.identifier.tagNumber <= 8 else {
                throw ASN1Error.unexpectedFieldType(child.identifier)
            }
            guard child.identifier == tag else { return nil }
            guard case .primitive(let content) = child.content else {
                throw ASN1Error.unexpectedFieldType(child.identifier)
            }
            return content
        }
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
