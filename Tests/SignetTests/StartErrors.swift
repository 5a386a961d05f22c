import Foundation
import Glibc
import TestSupport
import Testing

@Suite("A server that cannot start says why", .timeLimit(.minutes(1)))
struct StartErrors {
    /// Starts a server that is expected to end by itself.
    private func start(in directory: TemporaryDirectory, port: Int = 0, socket: String) async throws -> ProcessOutput {
        try await runProcess(
            CommandLineContract.signet,
            [
                "server", "run", "--trust-domain", "example.org", "--data-dir", directory.path("data"),
                "--bind-address", "127.0.0.1", "--bind-port", "\(port)", "--socket-path", socket, "--log-level",
                "critical",
            ])
    }

    @Test(
        "WEP-01, WEP-02, WEP-06: an agent serves its own machine: its address is a path, and nothing of a network",
        arguments: ["tcp://127.0.0.1:8089", "tcp://0.0.0.0:8089", "127.0.0.1:8089", "0.0.0.0:8089", ":8089"])
    func networkAddress(address: String) async throws {
        try await withTemporaryDirectory { directory async throws in
            let common = [
                "agent", "run", "--trust-domain", "example.org", "--server-address", "127.0.0.1", "--data-dir",
                directory.path("data"), "--insecure-bootstrap", "--join-token", "token",
            ]
            let output = try await runProcess(CommandLineContract.signet, common + ["--socket-path", address])
            #expect(output.status == 2)
            #expect(output.errorText.contains("agent.socket_path"), "\(output.errorText)")
            #expect(output.errorText.contains("an absolute path of at most"), "\(output.errorText)")
            for option in ["--bind-address", "--listen", "--workload-api-address"] {
                let unknown = try await runProcess(CommandLineContract.signet, common + [option, address])
                #expect(unknown.status == 2, "\(unknown.errorText)")
            }
        }
    }

    @Test("a port in use")
    func portInUse() async throws {
        try await withTemporaryDirectory { directory in
            let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(holder) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(holder, $0, length) == 0 && listen(holder, 1) == 0
                        ? getsockname(holder, $0, &length) : -1
                }
            }
            try #require(result == 0)
            let port = Int(UInt16(bigEndian: address.sin_port))
            let output = try await self.start(in: directory, port: port, socket: directory.path("server/api.sock"))
            #expect(output.status == 1)
            #expect(
                output.errorText
                    == "signet: cannot listen at 127.0.0.1:\(port): the address is in use by another process: stop that, "
                    + "or choose another port\n")
        }
    }

    @Test("a folder of the socket that others can write to")
    func looseFolder() async throws {
        try await withTemporaryDirectory { directory in
            let folder = directory.path("loose")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
            let output = try await self.start(in: directory, socket: "\(folder)/api.sock")
            #expect(output.status == 1)
            #expect(
                output.errorText
                    == "signet: the directory '\(folder)' of the socket is writable by others (mode 777), who could put "
                    + "another socket in its place: chmod go-w '\(folder)', or choose a directory of its own\n")
        }
    }

    @Test("something else at the path of the socket")
    func noSocket() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([], to: "api.sock")
            let output = try await self.start(in: directory, socket: path)
            #expect(output.status == 1)
            #expect(
                output.errorText
                    == "signet: '\(path)' is in the way of the socket, and is none: remove it, or choose another path\n"
            )
        }
    }

    @Test("a path that is too long for a socket is a wrong configuration")
    func longPath() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path(String(repeating: "x", count: 107 - directory.path.utf8.count - 1))
            let output = try await self.start(in: directory, socket: path)
            #expect(output.status == 2)
            #expect(
                output.errorText
                    == "signet: 'server.socket_path' is '\(path)': expected an absolute path of at most 106 bytes\n")
        }
    }
}
