import GRPCCore
package import Logging
import NIOCore
import NIOHPACK
import SPIFFE

/// What a handler knows of a call besides its messages.
package struct RPCContext: Sendable {
    /// Who calls.
    package let peer: Peer
    /// Where a TCP connection comes from, as `address:port`; empty on a Unix socket.
    package let remoteAddress: String
    /// The method, as `/service/name`.
    package let path: String
    /// When the client stops waiting; nil where it does not say.
    ///
    /// The handler's task is cancelled then.
    package let deadline: ContinuousClock.Instant?

    let headers: HPACKHeaders
    let processes: PeerProcessSource?
    let serverLogger: Logger

    /// All values of a header field, in order; the name is compared without regard to case.
    package func header(_ name: String) -> [String] {
        self.headers[name]
    }

    /// A logger that says which method was called, and by whom.
    package var logger: Logger {
        var logger = self.serverLogger
        logger[metadataKey: "rpc.path"] = "\(self.path)"
        switch self.peer {
        case .unix(let peer):
            logger[metadataKey: "peer.pid"] = "\(peer.pid)"
            logger[metadataKey: "peer.uid"] = "\(peer.uid)"
        case .tls(let svid):
            logger[metadataKey: "peer.address"] = "\(self.remoteAddress)"
            if let svid { logger[metadataKey: "peer.spiffe_id"] = "\(svid.id)" }
        }
        return logger
    }

    /// The calling process, which runs at this moment.
    ///
    /// - Throws: `RPCError` FAILED_PRECONDITION when the process that connected the socket is gone, or the call did not
    ///   come over a Unix socket.
    package func openPeerProcess() async throws -> PeerProcess {
        guard let processes = self.processes else {
            throw RPCError(code: .failedPrecondition, message: "the caller is not a local process")
        }
        return try await processes.open()
    }
}
