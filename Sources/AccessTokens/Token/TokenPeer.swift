public import SPIFFE

/// Who is at the other end of the TLS connection on which a token came.
public struct TokenPeer: Hashable, Sendable {
    /// The SPIFFE ID of the peer's X.509-SVID.
    public let id: SPIFFEID
    /// SHA-256 of the DER of the leaf certificate (RFC 8705 §3.1).
    public let certificateSHA256: [UInt8]
    /// The serial number of the leaf certificate, in lower-case hexadecimal without leading zeros.
    public let certificateSerial: String

    /// Takes the peer as the handshake has verified it.
    public init(_ svid: VerifiedX509SVID) {
        self.id = svid.id
        self.certificateSHA256 = svid.certificateSHA256
        self.certificateSerial = svid.certificateSerial
    }

    package init(id: SPIFFEID, certificateSHA256: [UInt8], certificateSerial: String) {
        self.id = id
        self.certificateSHA256 = certificateSHA256
        self.certificateSerial = certificateSerial
    }
}
