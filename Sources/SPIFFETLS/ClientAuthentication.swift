import NIOSSL

/// Whether a server insists on knowing its clients.
package enum ClientAuthentication: Sendable, Hashable {
    /// A client without a valid X509-SVID is refused in the handshake. What an ordinary service wants.
    case required
    /// A client without a certificate is anonymous; one with an invalid certificate is refused in the handshake.
    case optional

    var nioSSL: CertificateVerification {
        switch self {
        case .required: .noHostnameVerification
        case .optional: .optionalVerification
        }
    }
}
