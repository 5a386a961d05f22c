import Foundation
import Synchronization
import TestSupport

/// A control plane and a node agent of this test's own, as real processes on real sockets.
final class Deployment: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let trustDomain = "example.org"

    let directory: TemporaryDirectory
    let port: Int
    private let serverOptions: [String: String]
    private let agentOptions: [String: String]
    private let environment: [String: String]

    /// Lays out the folder; nothing runs yet.
    ///
    /// - Parameters:
    ///   - serverOptions: Further keys of the section `server`.
    ///   - agentOptions: Further keys of the section `agent`.
    ///   - environment: Further environment of the server and the agents.
    /// - Throws: What making the folder threw.
    init(
        server serverOptions: [String: String] = [:], agent agentOptions: [String: String] = [:],
        environment: [String: String] = [:]
    ) throws {
        self.directory = try TemporaryDirectory()
        // Services under other uids must reach the Workload API's socket.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.directory.path)
        self.port = try FreePort.find()
        self.serverOptions = serverOptions
        self.agentOptions = agentOptions
        self.environment = environment
    }

    var serverSocket: String { self.directory.path("server/api.sock") }
    var agentSocket: String { self.socket(ofAgent: "agent") }
    var workloadURI: String { "unix://\(self.agentSocket)" }

    func socket(ofAgent name: String) -> String { self.directory.path("\(name)/api.sock") }

    func id(_ path: String) -> String { "spiffe://\(Self.trustDomain)\(path)" }

    // MARK: Processes

    /// Starts the control plane and waits until it serves.
    ///
    /// - Parameter wrapper: A program and its arguments that executes the one behind them.
    func startServer(through wrapper: [String] = []) async throws -> RunningProgram {
        let fixed = [
            "trust_domain": Self.trustDomain, "data_dir": self.directory.path("server-data"),
            "socket_path": self.serverSocket,
            "bind_address": "127.0.0.1", "bind_port": "\(self.port)",
        ]
        let config = try self.write(section: "server", fixed.merging(self.serverOptions) { $1 }, to: "server.yaml")
        let command = wrapper + [Programs.signet, "server", "run", "--config", config]
        let server = try RunningProgram(
            command[0], Array(command.dropFirst()), environment: self.environment,
            logPath: self.directory.path("server.log"))
        try await self.waitUntilHealthy(self.serverSocket, server)
        return server
    }

    /// Starts the agent, with a new join token when `token` is nil, and waits until it serves.
    func startAgent(token: String? = nil, name: String = "agent") async throws -> RunningProgram {
        let joinToken: String = if let token { token } else { try await self.newToken() }
        let agent = try await self.launchAgent(token: joinToken, name: name)
        try await self.waitUntilHealthy(self.socket(ofAgent: name), agent)
        return agent
    }

    /// Starts an agent and does not wait; an empty token means none.
    ///
    /// Agents of different names have folders and sockets of their own.
    func launchAgent(token: String, name: String = "agent") async throws -> RunningProgram {
        var keys = [
            "trust_domain": Self.trustDomain, "data_dir": self.directory.path("\(name)-data"),
            "socket_path": self.socket(ofAgent: name),
            "server_address": "127.0.0.1", "server_port": "\(self.port)",
        ]
        if !FileManager.default.fileExists(atPath: self.directory.path("bundle.pem")) {
            let bundle = try await self.signet("bundle", "show")
            // Agents may start at once: none may find a file that another is still writing.
            try Data(bundle.output).write(to: URL(filePath: self.directory.path("bundle.pem")), options: .atomic)
        }
        keys["trust_bundle_path"] = self.directory.path("bundle.pem")
        if !token.isEmpty {
            // The only agent of most tests keeps the plain name.
            let file = name == "agent" ? "join-token" : "\(name)-join-token"
            keys["join_token_file"] = try self.directory.write(Array(token.utf8), to: file)
        }
        let config = try self.write(section: "agent", keys.merging(self.agentOptions) { $1 }, to: "\(name).yaml")
        return try RunningProgram(
            Programs.signet, ["agent", "run", "--config", config], environment: self.environment,
            logPath: self.directory.path("\(name).log"))
    }

    private func write(section: String, _ keys: [String: String], to name: String) throws -> String {
        let lines = keys.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)\n" }
        return try self.directory.write(Array("\(section):\n\(lines.joined())".utf8), to: name)
    }

    /// Asks until the socket serves; each question is a process, so this never spins.
    func waitUntilHealthy(_ socket: String, _ program: RunningProgram) async throws {
        while program.isRunning {
            let answer = try await runProcess(Programs.signet, ["healthcheck", "--socket-path", socket])
            if answer.status == 0 { return }
        }
        throw Failure(description: "ended before it served; its log:\n\(program.log)")
    }

    // MARK: Commands

    /// Runs `signet` with this deployment's sockets.
    func run(_ arguments: [String], input: [UInt8] = []) async throws -> ProcessOutput {
        var environment = ProcessInfo.processInfo.environment
        environment["SIGNET_SERVER_SOCKET"] = self.serverSocket
        environment["SPIFFE_ENDPOINT_SOCKET"] = self.workloadURI
        return try await runProcess(Programs.signet, arguments, input: input, environment: environment)
    }

    /// Runs `signet` and expects exit code 0.
    @discardableResult
    func signet(_ arguments: String...) async throws -> ProcessOutput {
        let result = try await self.run(arguments)
        guard result.status == 0 else {
            throw Failure(
                description: "signet \(arguments.joined(separator: " ")): \(result.status) \(result.errorText)")
        }
        return result
    }

    func newToken() async throws -> String {
        let output = try await self.signet("token", "generate").outputText
        return String(output.dropFirst("Token: ".count).prefix { !$0.isNewline })
    }

    /// The SPIFFE ID of the only agent.
    func agentID() async throws -> String {
        let list = try await self.signet("agent", "list").outputText
        guard let line = list.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix("SPIFFE ID") }),
            let id = line.split(separator: " ").last
        else { throw Failure(description: "no agent: \(list)") }
        return String(id)
    }

    /// Registers an identity under the agent and returns the entry's ID.
    @discardableResult
    func register(_ path: String, selector: String, _ more: String...) async throws -> String {
        let parent = try await self.agentID()
        let arguments = [
            "entry", "create", "--parent-id", parent, "--spiffe-id", self.id(path), "--selector", selector, "--output",
            "json",
        ]
        let result = try await self.run(arguments + more)
        guard result.status == 0, let id = result.outputText.firstMatch(of: #/"id":"([^"]+)"/#)?.output.1 else {
            throw Failure(description: "entry create: \(result.status) \(result.errorText)")
        }
        return String(id)
    }

    /// The selector of this test's own processes.
    static var ownSelector: String { "unix:uid:\(geteuid())" }
}

/// A TCP port of 127.0.0.1 that nobody listens on.
enum FreePort {
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRINUSE) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
