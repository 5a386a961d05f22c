package import FoundationEssentials
package import NIOCore
import NIOSSL
package import SPIFFE
import Synchronization

/// TLS of a server that its clients know by host name, and that knows those of its clients who present an X509-SVID.
///
/// For endpoints that software without a trust bundle calls. A client without a certificate is anonymous, one with an
/// invalid certificate is refused in the handshake.
package final class WebServerTLS: Sendable {
    private let options: TLSOptions
    private let connectionAge: ConnectionAge?
    private let verification: PeerVerification
    private let context: Mutex<NIOSSLContext>

    /// - Parameters:
    ///   - certificateChainPEM: The server's certificate, then its intermediates.
    ///   - privateKeyPEM: The key of the first certificate.
    ///   - source: Whose bundles clients are judged by; asked at every handshake.
    ///   - policy: Which clients are let in with a certificate.
    ///   - now: The time at which certificates are judged.
    ///   - connectionAge: How old a connection may become. Default: as old as it likes.
    /// - Throws: ``ServingCertificateError``.
    package init(
        certificateChainPEM: [UInt8], privateKeyPEM: [UInt8], source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date, minimumVersion: MinimumTLSVersion = .tlsv13,
        applicationProtocols: [String] = [], connectionAge: ConnectionAge? = nil
    ) throws {
        let options = TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols)
        self.options = options
        self.connectionAge = connectionAge
        self.verification = PeerVerification(
            policy: policy, revokedPeers: nil, now: now, bundles: { try source.current().bundles },
            chains: PresentedChains())
        self.context = Mutex(try Self.context(options, certificateChainPEM, privateKeyPEM))
    }

    /// Serves with another certificate from the next connection on.
    ///
    /// - Throws: ``ServingCertificateError``; what was in force stays in force then.
    package func replace(certificateChainPEM: [UInt8], privateKeyPEM: [UInt8]) throws {
        let next = try Self.context(self.options, certificateChainPEM, privateKeyPEM)
        self.context.withLock { $0 = next }
    }

    /// Handlers for one accepted connection, in the order in which they are added, at the head of its pipeline.
    package func serverHandlers() -> [any ChannelHandler] {
        let peer = SPIFFEPeerHandler(verification: self.verification, requiresCertificate: false)
        let tls = NIOSSLServerHandler(
            context: self.context.withLock { $0 }, customVerificationCallback: { peer.verify($0, answer: $1) })
        guard let age = self.connectionAge else { return [tls, peer] }
        var generator = SystemRandomNumberGenerator()
        return [tls, peer, ConnectionAgeHandler(limit: age.limit(using: &generator), grace: age.grace)]
    }

    private static func context(
        _ options: TLSOptions, _ certificateChainPEM: [UInt8], _ privateKeyPEM: [UInt8]
    ) throws(ServingCertificateError) -> NIOSSLContext {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificateChainPEM), !chain.isEmpty else {
            throw .certificateUnreadable
        }
        guard let key = try? NIOSSLPrivateKey(bytes: privateKeyPEM, format: .pem) else { throw .keyUnreadable }
        do {
            return try options.context(webChain: chain, key: key)
        } catch {
            throw .notOneIdentity
        }
    }
}

/// Why a server cannot prove its host name with what it was given.
package enum ServingCertificateError: Error, Hashable {
    /// There is no certificate in PEM.
    case certificateUnreadable
    /// There is no private key in PEM, or it is encrypted.
    case keyUnreadable
    /// The key is not that of the first certificate, or TLS has no use for one of them.
    case notOneIdentity
}

extension ServingCertificateError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .certificateUnreadable: "the certificate file has no certificate in PEM"
        case .keyUnreadable: "the key file has no unencrypted private key in PEM"
        case .notOneIdentity: "the key is not the key of the first certificate, or TLS cannot use them"
        }
    }
}
