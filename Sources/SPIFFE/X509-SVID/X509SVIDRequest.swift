import Crypto
import CryptoExtras
import SwiftASN1
package import X509

/// A request for a certificate (PKCS#10, RFC 2986) whose own signature and kind of key were checked.
///
/// Shows that whoever made it holds the private key. The names in it are wishes: what is certified is for the issuer to
/// decide. Every attribute and extension other than subject alternative names is ignored.
package struct X509SVIDRequest: Sendable {
    /// The longest request that is looked at, in bytes; the work of reading one grows faster than its length.
    package static let maxBytes = 16_384
    /// The most subject alternative names a request may have.
    package static let maxNames = 256
    /// The sizes of RSA modulus that are certified, in bits.
    package static let rsaModulusBits = 2_048...8_192

    /// An EC key on P-256, P-384 or P-521, or RSA of ``rsaModulusBits``.
    package let publicKey: Certificate.PublicKey
    /// The subject; often empty.
    package let subject: DistinguishedName
    /// The URI names in their order, unparsed.
    package let uriNames: [String]
    /// The DNS names in their order, unparsed.
    package let dnsNames: [String]

    /// Parses a DER request and checks its signature with its own key.
    ///
    /// - Throws: ``X509SVIDRequestError``; nothing is returned of a request that is wrong in any part.
    package init(parsing der: [UInt8]) throws(X509SVIDRequestError) {
        guard der.count <= Self.maxBytes else { throw .tooLong(maxBytes: Self.maxBytes) }
        let request = try Self.request(der)
        guard Self.hasWholeSignature(der) else { throw .malformed }
        guard request.version == .v1 else { throw .unsupportedVersion }
        try Self.checkKey(request.publicKey)
        guard Self.signatureAlgorithms.contains(request.signatureAlgorithm) else { throw .unsupportedSignature }
        guard request.publicKey.isValidSignature(request.signature, for: request) else { throw .invalidSignature }
        let names = try Self.names(in: request)
        guard names.count <= Self.maxNames else { throw .tooManyNames(limit: Self.maxNames) }
        self.publicKey = request.publicKey
        self.subject = request.subject
        self.uriNames = names.compactMap { if case .uniformResourceIdentifier(let name) = $0 { name } else { nil } }
        self.dnsNames = names.compactMap { if case .dnsName(let name) = $0 { name } else { nil } }
    }

    /// Makes a request, signed with `key`, as DER.
    ///
    /// The subject is empty; the names, if there are any, stand in a request for the subject alternative name extension.
    ///
    /// - Throws: `.signingFailed`, and `.unsupportedKey`.
    package static func make(
        key: Certificate.PrivateKey, id: SPIFFEID?, dnsNames: [String] = []
    ) throws(X509SVIDRequestError) -> [UInt8] {
        try self.checkKey(key.publicKey)
        var names = dnsNames.map { GeneralName.dnsName($0) }
        if let id { names.append(.uniformResourceIdentifier(id.uri)) }
        do {
            var attributes: [CertificateSigningRequest.Attribute] = []
            if !names.isEmpty {
                let extensions = try Certificate.Extensions([
                    Certificate.Extension(SubjectAlternativeNames(names), critical: false)
                ])
                attributes = [try .init(ExtensionRequest(extensions: extensions))]
            }
            let request = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName(), privateKey: key, attributes: .init(attributes))
            var serializer = DER.Serializer()
            try serializer.serialize(request)
            return serializer.serializedBytes
        } catch {
            throw .signingFailed
        }
    }

    /// Whether SVIDs are issued for this kind of key; see ``publicKey``.
    package static func checkKey(_ key: Certificate.PublicKey) throws(X509SVIDRequestError) {
        if let rsa = _RSA.Signing.PublicKey(key) {
            guard self.rsaModulusBits.contains(rsa.keySizeInBits) else { throw .unsupportedKey }
        } else if Curve25519.Signing.PublicKey(key) != nil {
            throw .unsupportedKey
        }
    }

    /// ECDSA and RSA PKCS#1 v1.5 with SHA-2; SHA-1 is refused.
    private static let signatureAlgorithms: Set<Certificate.SignatureAlgorithm> = [
        .ecdsaWithSHA256, .ecdsaWithSHA384, .ecdsaWithSHA512,
        .sha256WithRSAEncryption, .sha384WithRSAEncryption, .sha512WithRSAEncryption,
    ]

    private static func request(_ der: [UInt8]) throws(X509SVIDRequestError) -> CertificateSigningRequest {
        do {
            return try CertificateSigningRequest(derEncoded: der)
        } catch let error as CertificateError where error.code == .unsupportedPublicKeyAlgorithm {
            throw .unsupportedKey
        } catch is CryptoKitError {
            // The structure is right, and the key in it is no point of its curve or a too short RSA key.
            throw .unsupportedKey
        } catch let error as CertificateError where error.code == .unsupportedSignatureAlgorithm {
            throw .unsupportedSignature
        } catch {
            throw .malformed
        }
    }

    /// Whether the signature is a string of whole bytes.
    ///
    /// That is not looked at when a request is parsed; what is not signed could be changed by anyone.
    private static func hasWholeSignature(_ der: [UInt8]) -> Bool {
        guard let whole = DERElement(startOf: der[...]) else { return false }
        let parts = Array(DERElement.elements(in: whole.content))
        return parts.count == 3 && parts[2].content.first == 0
    }

    private static func names(
        in request: CertificateSigningRequest
    ) throws(X509SVIDRequestError) -> SubjectAlternativeNames {
        do {
            return try request.attributes.extensionRequest?.extensions.subjectAlternativeNames
                ?? SubjectAlternativeNames()
        } catch {
            throw .malformedExtensions
        }
    }
}

/// Why a request for a certificate is refused, or could not be made.
package enum X509SVIDRequestError: Error, Hashable {
    /// The request has more than ``X509SVIDRequest/maxBytes`` bytes.
    case tooLong(maxBytes: Int)
    /// The bytes are not a DER PKCS#10 request.
    case malformed
    /// The version is not 1, the only one there is.
    case unsupportedVersion
    /// The key is neither EC on P-256, P-384 or P-521 nor RSA of ``X509SVIDRequest/rsaModulusBits``.
    case unsupportedKey
    /// The request is signed with an algorithm that is not accepted.
    case unsupportedSignature
    /// The signature was not made with the key in the request, or the request was changed since.
    case invalidSignature
    /// The requested extensions, or the names among them, are malformed, or an extension is there twice.
    case malformedExtensions
    /// There are more than ``X509SVIDRequest/maxNames`` subject alternative names.
    case tooManyNames(limit: Int)
    /// The private key did not sign, or a DNS name is not ASCII.
    case signingFailed
}

extension X509SVIDRequestError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong(let maxBytes): "the certificate request has more than \(maxBytes) bytes"
        case .malformed: "the certificate request is not DER PKCS#10"
        case .unsupportedVersion: "the certificate request is not of version 1"
        case .unsupportedKey:
            "the key is neither EC on P-256, P-384 or P-521 nor RSA of \(X509SVIDRequest.rsaModulusBits.lowerBound) to "
                + "\(X509SVIDRequest.rsaModulusBits.upperBound) bits"
        case .unsupportedSignature: "the certificate request is signed with an algorithm that is not accepted"
        case .invalidSignature: "the signature of the certificate request is invalid"
        case .malformedExtensions: "the extensions in the certificate request are malformed"
        case .tooManyNames(let limit): "the certificate request has more than \(limit) names"
        case .signingFailed: "the certificate request could not be signed"
        }
    }
}
