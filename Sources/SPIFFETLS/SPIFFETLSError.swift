public import SPIFFE

/// Why a TLS connection between workloads was refused or could not be begun.
///
/// Where a peer is refused during the handshake, this error arrives in the channel's `errorCaught` in place of NIOSSL's
/// `handshakeFailed`, and the channel is closed; the peer itself sees no more than a TLS alert.
@nonexhaustive
public enum SPIFFETLSError: Error, Hashable {
    /// The peer's certificate chain is no valid X509-SVID for the trust bundles in force (X509-SVID §5).
    case untrustedPeer(X509SVIDError)
    /// The peer proved this SPIFFE ID, and the ``PeerPolicy`` does not authorize it.
    case unauthorizedPeer(SPIFFEID)
    /// The peer proved this SPIFFE ID with an X509-SVID that ``RevokedPeers`` revoke; also the end of a connection that
    /// was open when that became known.
    case revokedPeer(SPIFFEID)
    /// The peer has no certificate where one is required.
    case peerCertificateMissing
    /// A certificate of the peer is not one that can be parsed.
    case peerCertificateUnreadable
    /// There were no trust bundles to validate the peer with: the source has no identity any more.
    case trustBundlesUnavailable
    /// The X509-SVID of this SPIFFE ID cannot be used for TLS; the last one that could stays in force, if there was
    /// one.
    case identityUnusable(SPIFFEID)
    /// A server was asked for without an X509-SVID of its own.
    case identityMissing
    /// The TLS handshake has not completed.
    case handshakeIncomplete
}

extension SPIFFETLSError {
    /// A stable identifier of the case, for metrics and logs.
    public var label: String {
        switch self {
        case .untrustedPeer: "tls.untrusted_peer"
        case .unauthorizedPeer: "tls.unauthorized_peer"
        case .revokedPeer: "tls.revoked_peer"
        case .peerCertificateMissing: "tls.peer_certificate_missing"
        case .peerCertificateUnreadable: "tls.peer_certificate_unreadable"
        case .trustBundlesUnavailable: "tls.trust_bundles_unavailable"
        case .identityUnusable: "tls.identity_unusable"
        case .identityMissing: "tls.identity_missing"
        case .handshakeIncomplete: "tls.handshake_incomplete"
        }
    }
}
