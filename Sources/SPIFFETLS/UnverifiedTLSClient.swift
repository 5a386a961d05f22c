package import NIOCore
import NIOSSL

/// TLS towards a server that nobody verifies: encryption without knowing who is on the other end.
///
/// For one purpose only, an agent that was told by name to bootstrap insecurely and fetches its trust bundle. Offers no
/// certificate, and says nothing about the peer.
package struct UnverifiedTLSClient: Sendable {
    private let context: NIOSSLContext

    /// - Throws: NIOSSL's error when the application protocols are not acceptable to it.
    package init(minimumVersion: MinimumTLSVersion = .tlsv13, applicationProtocols: [String] = []) throws {
        let options = TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols)
        self.context = try options.context(svid: nil, verification: .none)
    }

    /// Adds the TLS handler at the head of a pipeline.
    ///
    /// Callable from anywhere.
    package func secureClient(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            let tls = try NIOSSLClientHandler(context: self.context, serverHostname: nil)
            try channel.pipeline.syncOperations.addHandler(tls, position: .first)
        }
    }
}
