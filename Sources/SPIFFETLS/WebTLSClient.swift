package import NIOCore
import NIOSSL
package import X509

/// TLS towards a server that is known by its host name (RFC 6125) and a certificate authority of the Web.
///
/// For bundle endpoints with the profile `https_web`. Offers no certificate.
package struct WebTLSClient: Sendable {
    private let context: NIOSSLContext

    /// - Parameters:
    ///   - roots: The authorities that are trusted. Nil: those of this machine.
    ///   - minimumVersion: Default: TLS 1.2, with forward secrecy and authenticated encryption only.
    /// - Throws: NIOSSL's error when a root or a protocol is not acceptable to it.
    package init(
        roots: [Certificate]? = nil, minimumVersion: MinimumTLSVersion = .tlsv12, applicationProtocols: [String] = []
    ) throws {
        let options = TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols)
        self.context = try options.webContext(roots: roots)
    }

    /// Adds the TLS handler at the head of a pipeline.
    ///
    /// Callable from anywhere.
    ///
    /// - Parameter host: The DNS name that the certificate must have, in lower case. Nil for a server that is called by its IP
    ///   address: the certificate must have the address of the connection then.
    package func secureClient(_ channel: any Channel, host: String?) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            let tls = try NIOSSLClientHandler(context: self.context, serverHostname: host)
            let check = host.map { WebHostCheck(host: $0) }
            try channel.pipeline.syncOperations.addHandlers([tls] + (check.map { [$0] } ?? []), position: .first)
        }
    }
}
