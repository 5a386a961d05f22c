import NIOCore
import NIOSSL
import NIOTLS
import SPIFFE
import SwiftASN1
import X509

/// Refuses a server that was called by its name and whose certificate has that name not among its DNS names (RFC 9525
/// §6.3), and lets nothing of the application through before.
///
/// NIOSSL takes a certificate for the IP address of the connection as well, whatever name was called: who can answer a
/// DNS query and has a certificate for an address would be every host.
final class WebHostCheck: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let host: String
    private var isVerified = false

    /// - Parameter host: In lower case.
    init(host: String) {
        self.host = host
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            guard self.isNamed(in: context) else {
                context.fireErrorCaught(WebServerNotNamed(host: self.host))
                context.close(promise: nil)
                return
            }
            self.isVerified = true
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.isVerified else { return }
        context.fireChannelRead(data)
    }

    private func isNamed(in context: ChannelHandlerContext) -> Bool {
        guard let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self),
            let der = try? tls.peerCertificate?.toDERBytes(), let certificate = try? Certificate(derEncoded: der),
            let names = try? certificate.extensions.subjectAlternativeNames
        else { return false }
        return names.contains { name in
            guard case .dnsName(let name) = name, let name = try? DNSName.normalized(name) else { return false }
            // A wildcard is the whole first label, and stands for one.
            return name == self.host
                || name.hasPrefix("*.") && self.host.drop { $0 != "." } == name.dropFirst()
        }
    }
}

/// The certificate of a server of the Web is for another host.
package struct WebServerNotNamed: Error, Hashable, CustomStringConvertible {
    package let host: String

    package var description: String { "its certificate is not for \(self.host)" }
}
