import CLinux
import GRPCCore
import Glibc
import NIOHPACK
import PeerTransport
import ProtoRPC
import SwiftProtobuf
import TestSupport
import Testing

@Suite("Who is calling", .timeLimit(.minutes(1)))
struct PeerTests {
    private let identify: @Sendable (inout RPCRoutes) -> Void = { routes in
        routes.unary(EchoMethods.unary) { _, context in
            let process = try await context.openPeerProcess()
            let isAlive = clinux_pidfd_send_signal(process.descriptor, 0) == 0
            return Text("\(process.pid) \(process.uid) \(process.gid) \(isAlive)")
        }
    }

    @Test("a call over a Unix socket is that of the process that connected it")
    func process() async throws {
        let answer = try await withServer(self.identify) { running in
            try await running.withClient { try await $0.call(EchoMethods.unary, Text("")) }
        }
        #expect(answer == Text("\(getpid()) \(getuid()) \(getgid()) true"))
    }

    @Test("the calls of a connection share one descriptor of their process, those of another have their own")
    func sharedDescriptor() async throws {
        let seen = Recorded<PeerProcess>()
        let register = { (routes: inout RPCRoutes) in
            routes.unary(EchoMethods.unary) { request, context in
                seen.append(try await context.openPeerProcess())
                return request
            }
        }
        try await withServer(register) { running in
            for _ in 0..<2 {
                try await running.withClient { client in
                    for _ in 0..<2 { _ = try await client.call(EchoMethods.unary, Text("")) }
                }
            }
        }
        let processes = seen.values
        #expect(processes.count == 4)
        #expect(processes[0] === processes[1])
        #expect(processes[2] === processes[3])
        #expect(processes[0] !== processes[2])
    }

    @Test("the handler knows the peer as soon as it is called")
    func peer() async throws {
        let answer = try await withServer({
            $0.immediate(EchoMethods.immediate) { _, context in
                Text(context.peer == .unix(UnixPeer(pid: getpid(), uid: getuid(), gid: getgid())) ? "ours" : "others")
            }
        }) { running in
            try await running.withClient { try await $0.call(EchoMethods.immediate, Text("")) }
        }
        #expect(answer == Text("ours"))
    }

    /// Connects, forks, and calls from the child once the process that connected has ended and was reaped.
    private static let orphan = """
        import os, socket, sys
        reader, writer = os.pipe()
        answers, answer = os.pipe()
        connector = os.fork()
        if connector == 0:
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
            if os.fork() != 0: os._exit(0)
            os.read(reader, 1)
            s.sendall(bytes.fromhex(sys.argv[2]))
            received = b''
            while b'\\x01\\x05\\x00\\x00\\x00\\x01' not in received:
                part = s.recv(65536)
                if not part: break
                received += part
            os.write(answer, received); os._exit(0)
        os.waitpid(connector, 0)
        os.write(writer, b'x'); os.close(answer)
        print(os.read(answers, 65536).hex())
        """

    @Test("a process that has ended is refused although its socket lives on in a child")
    func gone() async throws {
        let call = try RawFrame.call(1, EchoMethods.unary.path).bytes
        let bytes = RawFrame.preface + call + RawFrame.data(1, RawFrame.message([]), end: true).bytes
        let answer = try await withServer(self.identify) { running in
            try await Python.run(Self.orphan, [running.path, bytes.hex])
        }
        let frames = RawFrame.all(in: try #require([UInt8](hex: answer)))
        let status = try #require(frames.last { $0.kind == .headers }).headerFields()
        #expect(status.first(name: "grpc-status") == "9")
        #expect(status.first(name: "grpc-message") == "the calling process is gone")
    }

    @Test("where the kernel does not tell, the process is held from accept on, and seen to end")
    func fallback() async throws {
        let accepted = try #require(AcceptedProcess(pid: getpid()))
        let copy = try #require(accepted.duplicate())
        #expect(clinux_pidfd_send_signal(copy, 0) == 0)
        close(copy)

        let ended = try await runEndedProcess()
        #expect(AcceptedProcess(pid: ended) == nil)
    }

    /// The number of a process that has ended and was reaped.
    private func runEndedProcess() async throws -> Int32 {
        let output = try await runProcess("sh", ["-c", "printf %d $$"])
        return try #require(Int32(output.outputText))
    }
}
