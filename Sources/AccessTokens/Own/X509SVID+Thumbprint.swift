import Crypto
package import SPIFFE

extension X509SVID {
    /// SHA-256 of the DER of the leaf certificate (RFC 8705 §3.1).
    package var certificateSHA256: [UInt8] {
        // An SVID has a leaf.
        Array(SHA256.hash(data: self.certificates.first?.derBytes ?? []))
    }
}
