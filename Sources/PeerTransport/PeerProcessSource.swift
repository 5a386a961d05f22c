import CLinux
import GRPCCore
import Glibc
import NIOCore
import Synchronization

/// How the process at the other end of a Unix socket is opened: when it is first asked for, once a connection.
final class PeerProcessSource: Sendable {
    /// Whether this kernel tells the pidfd of a peer (SO_PEERPIDFD, Linux 6.5).
    ///
    /// Where that cannot be found out the kernel is asked at each connection, which fails where it does not tell.
    static let kernelTellsDescriptors: Bool = {
        var pair: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0 else { return true }
        defer { for descriptor in pair { close(descriptor) } }
        let descriptor = clinux_peer_pidfd(pair[0])
        if descriptor >= 0 { close(descriptor) }
        return descriptor != -ENOPROTOOPT
    }()

    let peer: UnixPeer
    private let channel: any Channel
    private let usesKernel: Bool
    private let accepted: AcceptedProcess?
    private let opened = Mutex<PeerProcess?>(nil)

    /// - Parameter usesKernel: Whether to ask the kernel at the first request; otherwise the process is opened now.
    init(peer: UnixPeer, channel: any Channel, usesKernel: Bool = PeerProcessSource.kernelTellsDescriptors) {
        self.peer = peer
        self.channel = channel
        self.usesKernel = usesKernel
        self.accepted = usesKernel ? nil : AcceptedProcess(pid: peer.pid)
    }

    /// - Throws: `RPCError` FAILED_PRECONDITION when the process is gone.
    func open() async throws -> PeerProcess {
        let process: PeerProcess
        if let opened = self.opened.withLock(\.self) {
            process = opened
        } else {
            process = try await self.openFirst()
        }
        guard process.isAlive else { throw Self.gone }
        return process
    }

    private func openFirst() async throws -> PeerProcess {
        guard self.peer.pid > 0, let descriptor = await self.descriptor() else { throw Self.gone }
        let process = PeerProcess(peer: self.peer, descriptor: descriptor)
        // A descriptor can still be had of a process that was reaped; its Pid is -1 then.
        guard ProcessFiles.pid(ofDescriptor: process.descriptor) == self.peer.pid else { throw Self.gone }
        return self.opened.withLock { opened in
            // Two calls may be the first; the descriptor of the later is closed.
            let first = opened ?? process
            opened = first
            return first
        }
    }

    private func descriptor() async -> CInt? {
        guard self.usesKernel else { return self.accepted?.duplicate() }
        guard let socket = self.channel as? any SocketOptionProvider else { return nil }
        let option = NIOBSDSocket.Option(rawValue: CInt(clinux_so_peerpidfd))
        // The kernel writes one int here, a descriptor.
        let answer: EventLoopFuture<CInt> = socket.unsafeGetSocketOption(level: .socket, name: option)
        guard let descriptor = try? await answer.get(), descriptor >= 0 else { return nil }
        return descriptor
    }

    private static let gone = RPCError(code: .failedPrecondition, message: "the calling process is gone")
}

extension UnixPeer {
    /// Reads who connected a Unix socket (SO_PEERCRED).
    static func of(_ channel: any Channel) -> EventLoopFuture<UnixPeer> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let option = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        // The structure has the layout of the kernel's struct ucred.
        let answer: EventLoopFuture<clinux_peer_credentials> =
            socket.unsafeGetSocketOption(level: .socket, name: option)
        return answer.map { UnixPeer(pid: $0.pid, uid: $0.uid, gid: $0.gid) }
    }
}
