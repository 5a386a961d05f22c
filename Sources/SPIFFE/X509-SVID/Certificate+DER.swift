import Crypto
import SwiftASN1
package import X509

extension Certificate {
    /// Reads a certificate that somebody else sent: DER, of at most ``VerifiedX509SVID/maxCertificateBytes``.
    package init(received der: [UInt8]) throws(UnreadableCertificate) {
        guard der.count <= VerifiedX509SVID.maxCertificateBytes else { throw .malformed }
        do {
            self = try Certificate(derEncoded: der)
        } catch let error as CertificateError where error.code == .unsupportedPublicKeyAlgorithm {
            throw .unsupported
        } catch let error as CertificateError where error.code == .unsupportedSignatureAlgorithm {
            throw .unsupported
        } catch CryptoKitError.incorrectParameterSize {
            // An RSA key of less than 2,048 bits, or a point in another form than the uncompressed.
            throw .unsupported
        } catch {
            throw .malformed
        }
    }

    /// The certificate as DER: the bytes it was parsed from, or was made as.
    package var derBytes: [UInt8] {
        var serializer = DER.Serializer()
        // Writes back bytes that were parsed or made before, and has no way to fail.
        try? serializer.serialize(self)
        return serializer.serializedBytes
    }

    /// Whether the algorithm that is signed is the one beside the signature (RFC 5280 §4.1.1.2), and the signature is
    /// a string of whole bytes.
    ///
    /// Neither is looked at when a certificate is parsed; what is not signed could be changed by anyone.
    static func isSignatureConsistent(_ der: [UInt8]) -> Bool {
        guard let whole = DERElement(startOf: der[...]) else { return false }
        let parts = Array(DERElement.elements(in: whole.content))
        // Before it come the version and the serial number, which are no sequences.
        let signed = parts.first.flatMap { tbsCertificate in
            DERElement.elements(in: tbsCertificate.content).first { $0.tag == DERElement.sequenceTag }
        }
        guard parts.count == 3, let signed else { return false }
        return parts[1].encoded == signed.encoded && parts[2].content.first == 0
    }
}

/// Why bytes are no certificate that can be used.
package enum UnreadableCertificate: Error {
    /// They are not DER X.509, or too many.
    case malformed
    /// The public key or the signature is of a kind that is not known, or the RSA key is too short.
    case unsupported
}
