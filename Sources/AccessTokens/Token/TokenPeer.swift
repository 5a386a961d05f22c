import Crypto
public import SPIFFE
import X509

/// Who is at the other end of the TLS connection on which a token came.
public struct TokenPeer: Hashable, Sendable {
    /// The SPIFFE ID of the peer's X.509-SVID.
    public let id: SPIFFEID
    /// SHA-256 of the DER of the leaf certificate (RFC 8705 §3.1).
    public let certificateSHA256: [UInt8]
    /// The serial number of the leaf certificate, in lower-case hexadecimal without leading zeros.
    public let certificateSerial: String

    /// Takes the peer as the handshake has verified it; hashes the certificate, so keep it for the connection.
    public init(_ svid: VerifiedX509SVID) {
        self.id = svid.id
        // A validated chain has a leaf.
        let leaf = svid.chain.first
        self.certificateSHA256 = Array(SHA256.hash(data: leaf?.derBytes ?? []))
        self.certificateSerial = Self.hexadecimal(leaf.map { Array($0.serialNumber.bytes) } ?? [])
    }

    package init(id: SPIFFEID, certificateSHA256: [UInt8], certificateSerial: String) {
        self.id = id
        self.certificateSHA256 = certificateSHA256
        self.certificateSerial = certificateSerial
    }

    /// A serial number as revocations name it.
    package static func hexadecimal(_ serialNumber: [UInt8]) -> String {
        let digits = serialNumber.flatMap { [$0 >> 4, $0 & 0x0F] }.drop { $0 == 0 }
        return digits.isEmpty ? "0" : digits.map { String($0, radix: 16) }.joined()
    }
}
