public import FoundationEssentials
import SwiftASN1
public import X509

/// One's own X509-SVID: a certificate chain and the private key of its leaf, checked when it is made.
///
/// Strict, because what is loaded here is what peers will be shown: beside the rules for a leaf (X509-SVID §5.2) the leaf
/// has a critical key usage with digitalSignature, every certificate above it is a signing certificate, and the key is the
/// leaf's. Whether the chain leads to an authority is not asked.
public struct X509SVID: Sendable {
    /// The longest private key that is looked at, in bytes; RSA of 8,192 bits takes 4,700.
    public static let maxPrivateKeyBytes = 16_384
    /// The longest chain that is looked at, in bytes.
    public static let maxChainBytes = 262_144

    public let id: SPIFFEID
    /// The chain as it was given, the leaf first; the Workload API leaves the authority out.
    public let certificates: [Certificate]
    /// The leaf's private key as DER PKCS#8: a secret.
    public let privateKeyPKCS8DER: [UInt8]
    /// What the one who issued the SVID says it is for; empty when there is nothing to say.
    public let hint: String
    /// When the leaf becomes valid.
    public let notBefore: Date
    /// When the leaf ceases to be valid.
    public let notAfter: Date

    /// Loads an SVID as the Workload API hands it out.
    ///
    /// - Parameters:
    ///   - certificatesDER: DER certificates one after the other, the leaf first.
    ///   - privateKeyPKCS8DER: The private key of the leaf, in PKCS#8.
    ///   - hint: What it is for. Default: nothing.
    /// - Throws: ``X509SVIDError``; `.malformedPrivateKey` for a key in another form than PKCS#8.
    public init(certificatesDER: [UInt8], privateKeyPKCS8DER: [UInt8], hint: String = "") throws(X509SVIDError) {
        let parts: [[UInt8]]
        do {
            parts = try ConcatenatedDER.split(
                certificatesDER, maxBytes: Self.maxChainBytes, maxCount: VerifiedX509SVID.maxChainLength)
        } catch {
            switch error {
            case .malformed(let index): throw .malformedCertificate(position: index)
            case .tooMany(let limit): throw .chainTooLong(count: limit + 1)
            case .tooLong: throw .chainTooLarge(maxBytes: Self.maxChainBytes)
            }
        }
        var certificates: [Certificate] = []
        for (position, der) in parts.enumerated() {
            do { certificates.append(try Certificate(received: der)) } catch {
                throw .malformedCertificate(position: position)
            }
        }
        try self.init(certificates: certificates, privateKeyPKCS8DER: privateKeyPKCS8DER, hint: hint)
    }

    /// Loads an SVID of parsed certificates, the leaf first.
    ///
    /// - Throws: ``X509SVIDError``.
    public init(
        certificates: [Certificate], privateKeyPKCS8DER: [UInt8], hint: String = ""
    ) throws(X509SVIDError) {
        guard let leaf = certificates.first else { throw .emptyChain }
        guard certificates.count <= VerifiedX509SVID.maxChainLength else {
            throw .chainTooLong(count: certificates.count)
        }
        self.id = try Self.checkLeaf(leaf)
        for (index, certificate) in certificates.dropFirst().enumerated() {
            try Self.checkSigningCertificate(certificate, position: index + 1)
        }
        try Self.checkKey(privateKeyPKCS8DER, belongsTo: leaf)
        self.certificates = certificates
        self.privateKeyPKCS8DER = privateKeyPKCS8DER
        self.hint = hint
        self.notBefore = leaf.notValidBefore
        self.notAfter = leaf.notValidAfter
    }

    /// The chain as DER certificates one after the other.
    public var certificatesDER: [UInt8] {
        ConcatenatedDER.bytes(of: self.certificates)
    }

    private static func checkLeaf(_ leaf: Certificate) throws(X509SVIDError) -> SPIFFEID {
        let facts = try CertificateFacts(leaf, position: 0)
        let id = try facts.checkLeaf()
        guard let keyUsage = facts.keyUsage else { throw .keyUsageMissing }
        guard facts.keyUsageIsCritical else { throw .keyUsageNotCritical }
        guard keyUsage.digitalSignature else { throw .digitalSignatureMissing }
        return id
    }

    private static func checkSigningCertificate(
        _ certificate: Certificate, position: Int
    ) throws(X509SVIDError) {
        let facts = try CertificateFacts(certificate, position: position)
        guard facts.isCA else { throw .issuerIsNotCA(position: position) }
        guard facts.keyUsage?.keyCertSign == true else { throw .issuerMayNotSign(position: position) }
    }

    private static func checkKey(_ pkcs8: [UInt8], belongsTo leaf: Certificate) throws(X509SVIDError) {
        guard pkcs8.count <= self.maxPrivateKeyBytes else { throw .malformedPrivateKey }
        guard let key = try? Certificate.PrivateKey(derBytes: pkcs8) else { throw .malformedPrivateKey }
        guard key.publicKey == leaf.publicKey else { throw .privateKeyMismatch }
    }
}

// The private key must not reach a log or a crash report.
extension X509SVID: CustomStringConvertible, CustomReflectable {
    public var description: String { "X509SVID(\(self.id), key: <redacted>)" }
    public var customMirror: Mirror { Mirror(self, children: ["id": self.id, "notAfter": self.notAfter]) }
}
