import Crypto
import FoundationEssentials
import KeyManagement
import SPIFFE
import SwiftASN1
import X509

/// What all SVIDs of an X.509 authority have in common, as the DER it always is.
///
/// Certificates are put together from bytes: with a general serialiser the structure around a signature costs six times
/// what the signature does.
struct SVIDTemplate: Sendable {
    /// `[0] { INTEGER 2 }`.
    static let version3: [UInt8] = [0xA0, 0x03, 0x02, 0x01, 0x02]
    static let extensionsTag: UInt8 = 0xA3
    static let dnsNameTag: UInt8 = 0x82
    static let uriTag: UInt8 = 0x86
    /// The `Extension` fields before the value of a subject key identifier, and of subject alternative names: the OID.
    static let subjectKeyIdentifierOID: [UInt8] = [0x06, 0x03, 0x55, 0x1D, 0x0E]
    static let subjectAlternativeNameOID: [UInt8] = [0x06, 0x03, 0x55, 0x1D, 0x11]

    private let key: Certificate.PrivateKey
    private let algorithm: Certificate.SignatureAlgorithm
    let algorithmDER: [UInt8]
    let issuerDER: [UInt8]
    /// The subject without a common name.
    private let subjectDER: [UInt8]
    /// Key usage, extended key usage and basic constraints.
    let usageDER: [UInt8]
    let authorityKeyIdentifierDER: [UInt8]

    /// - Parameter authority: Certified by itself with `key`, in whose algorithm SVIDs are signed, too.
    init(_ authority: Certificate, key: Certificate.PrivateKey) throws {
        self.key = key
        self.algorithm = authority.signatureAlgorithm
        self.algorithmDER = try Self.signatureAlgorithmDER(of: authority)
        self.issuerDER = try Self.der(authority.subject)
        self.subjectDER = try Self.subject(commonName: nil)
        self.usageDER = try [
            ProfileExtensions.svidKeyUsage, ProfileExtensions.svidExtendedKeyUsage, ProfileExtensions.svidConstraints,
        ].flatMap { try Self.der($0) }
        let identifier = SubjectKeyIdentifier(hash: authority.publicKey).keyIdentifier
        self.authorityKeyIdentifierDER = try Self.der(
            Certificate.Extension(AuthorityKeyIdentifier(keyIdentifier: identifier), critical: false))
    }

    /// What takes a serialiser of one SVID's content.
    struct Parts {
        let keyDER: [UInt8]
        let subjectDER: [UInt8]
    }

    func parts(of content: SVIDContent) throws -> Parts {
        Parts(
            keyDER: try Self.der(content.publicKey),
            subjectDER: try content.dnsNames.commonName.map { try Self.subject(commonName: $0) } ?? self.subjectDER)
    }

    /// Makes and signs a certificate: the content of SPIRE's, for workloads, agents and the server alike.
    ///
    /// - Returns: Its DER.
    func certificate(_ content: SVIDContent, _ parts: Parts) throws -> [UInt8] {
        let extensions = DERWriting.element(
            DERWriting.sequence, self.usageDER, try Self.subjectKeyIdentifier(parts.keyDER),
            self.authorityKeyIdentifierDER, Self.names(content.id, content.dnsNames))
        let body = DERWriting.element(
            DERWriting.sequence, Self.version3, DERWriting.unsignedInteger(Array(content.serialNumber.bytes)),
            self.algorithmDER, self.issuerDER,
            DERWriting.element(
                DERWriting.sequence, DERWriting.time(content.notBefore), DERWriting.time(content.notAfter)),
            parts.subjectDER, parts.keyDER, DERWriting.element(Self.extensionsTag, extensions))
        let signature = try self.key.sign(bytes: body, signatureAlgorithm: self.algorithm)
        return DERWriting.element(
            DERWriting.sequence, body, self.algorithmDER,
            DERWriting.element(DERWriting.bitString, [0], signature.rawRepresentation))
    }

    private static func subject(commonName: String?) throws -> [UInt8] {
        try self.der(DistinguishedName(country: "US", organization: "SPIRE", commonName: commonName))
    }

    /// Never critical: the subject is never empty (X509-SVID §3.1).
    private static func names(_ id: SPIFFEID, _ dnsNames: DNSNames) -> [UInt8] {
        let names =
            dnsNames.names.flatMap { DERWriting.element(self.dnsNameTag, Array($0.utf8)) }
            + DERWriting.element(self.uriTag, Array(id.uri.utf8))
        return self.extension(self.subjectAlternativeNameOID, DERWriting.element(DERWriting.sequence, names))
    }

    /// The SHA-1 of the key's bits (RFC 5280 §4.2.1.2, method 1), as SPIRE has it.
    private static func subjectKeyIdentifier(_ keyDER: [UInt8]) throws -> [UInt8] {
        let bits = try ASN1BitString(derEncoded: try Self.secondElement(of: keyDER)).bytes
        let hash = Array(Insecure.SHA1.hash(data: bits))
        return self.extension(self.subjectKeyIdentifierOID, DERWriting.element(DERWriting.octetString, hash))
    }

    private static func `extension`(_ oid: [UInt8], _ value: [UInt8]) -> [UInt8] {
        DERWriting.element(DERWriting.sequence, oid, DERWriting.element(DERWriting.octetString, value))
    }

    private static func signatureAlgorithmDER(of certificate: Certificate) throws -> [UInt8] {
        Array(try self.secondElement(of: certificate.derBytes))
    }

    /// The second element of a sequence: the algorithm of a certificate's signature, the bits of a public key.
    private static func secondElement(of der: [UInt8]) throws -> ArraySlice<UInt8> {
        try DER.sequence(try DER.parse(der), identifier: .sequence) { nodes in
            _ = nodes.next()
            guard let second = nodes.next() else { throw IssuanceError.signingFailed }
            while nodes.next() != nil {}
            return second.encodedBytes
        }
    }

    private static func der(_ value: some DERSerializable) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(value)
        return serializer.serializedBytes
    }
}
