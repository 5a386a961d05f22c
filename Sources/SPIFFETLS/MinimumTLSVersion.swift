import NIOSSL

/// The oldest version of TLS that a connection may use.
///
/// TLS 1.3 is always offered.
public enum MinimumTLSVersion: Sendable, Hashable, CaseIterable {
    /// TLS 1.2, with forward secrecy and authenticated encryption only.
    case tlsv12
    /// TLS 1.3.
    case tlsv13

    var nioSSL: TLSVersion {
        switch self {
        case .tlsv12: .tlsv12
        case .tlsv13: .tlsv13
        }
    }
}
