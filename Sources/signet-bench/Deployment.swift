import Foundation

/// A control plane and an agent with one registered identity for this user, as real processes in a folder of their own.
struct Deployment: Sendable {
    static let trustDomain = "bench.example"
    static let issuer = "https://tokens.bench.example"
    static let serviceName = "payments"

    let programs: Programs
    let directory: String
    let server: Child
    let agent: Child
    /// The path of the agent's SPIFFE ID.
    let agentPath: String
    /// Of the authorization server.
    let httpsPort: Int

    var adminSocket: String { "\(self.directory)/server/api.sock" }
    var workloadSocket: String { "\(self.directory)/agent/api.sock" }

    /// Starts both programs, runs `body`, stops them, and removes the folder.
    ///
    /// - Throws: ``ChildFailure`` when one does not serve, or does not end with exit code 0.
    static func with<Result: Sendable>(
        _ programs: Programs, _ body: (Deployment) async throws -> Result
    ) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "signet-bench-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let start = Starting(
            programs: programs, directory: directory, port: try FreePort.find(),
            httpsPort: try FreePort.find())
        return try await start.server { server in
            let token = try await start.tools.token()
            return try await start.agent(token: token) { agent in
                let path = "/spire/agent/join_token/\(token)"
                try await start.tools.register(parent: path)
                try await start.tools.grant()
                let deployment = Deployment(
                    programs: programs, directory: directory, server: server, agent: agent, agentPath: path,
                    httpsPort: start.httpsPort)
                try await deployment.client("wait-for-identity")
                return try await body(deployment)
            }
        }
    }

    /// Runs a tool to its end and returns what it wrote.
    func run(_ program: String, _ arguments: [String]) async throws -> String {
        try await Tools(programs: self.programs, directory: self.directory).run(program, arguments)
    }

    /// Runs a command of the program that measures the libraries, and returns the JSON it wrote.
    func libraries(_ arguments: String...) async throws -> Data {
        Data(try await self.run(self.programs.libraries, arguments).utf8)
    }

    /// A JWT-SVID by which the workload authenticates itself at the authorization server.
    func assertion() async throws -> String {
        try await Tools(programs: self.programs, directory: self.directory).assertion()
    }

    /// Makes services known, each with an identity of this user's and a grant of one scope to all of them.
    ///
    /// - Parameter count: Their SPIFFE IDs are `/fleet/service-1` and so on.
    func registerFleet(services count: Int, scope: String) async throws {
        let tools = Tools(programs: self.programs, directory: self.directory)
        let folder = "spiffe://\(Self.trustDomain)/fleet"
        var policy = "owner: bench-fleet\nservices:\n"
        for number in 1...count {
            policy += """
                  - name: service-\(number)
                    spiffe_id: \(folder)/service-\(number)
                    grants:
                      - caller: \(folder)/*
                        scopes: [\(scope)]

                """
        }
        let file = "\(self.directory)/fleet.yaml"
        try Data(policy.utf8).write(to: URL(filePath: file))
        try await tools.apply(file)
        for number in 1...count { try await tools.register(parent: self.agentPath, path: "/fleet/service-\(number)") }
    }

    /// The tokens that the server has issued, as its records tell.
    func issuedTokens() throws -> [IssuedToken] {
        try IssuedToken.all(in: String(contentsOfFile: "\(self.directory)/server-data/audit.jsonl", encoding: .utf8))
    }

    /// Runs a command of the Go program and returns the JSON it wrote.
    @discardableResult
    func client(_ command: String, _ options: [String: String] = [:]) async throws -> Data {
        let fixed = [
            "admin-socket": self.adminSocket, "workload-socket": self.workloadSocket, "parent": self.agentPath,
            "trust-domain": Self.trustDomain,
        ]
        let arguments = fixed.merging(options) { $1 }.sorted { $0.key < $1.key }.flatMap { ["-\($0.key)", $0.value] }
        return Data(try await self.run(self.programs.client, [command] + arguments).utf8)
    }
}

/// Tools that run to their end, with their output in a folder.
private struct Tools: Sendable {
    let programs: Programs
    let directory: String

    func run(_ program: String, _ arguments: [String]) async throws -> String {
        try Task.checkCancellation()
        let output = "\(self.directory)/output"
        let error = "\(self.directory)/error"
        let status = try await Child(program, arguments, output: output, error: error).waitForEnd()
        try Task.checkCancellation()
        let text = { (path: String) in try String(contentsOfFile: path, encoding: .utf8) }
        guard status == 0 else {
            throw ChildFailure(
                description: "\(program) \(arguments.joined(separator: " ")): exit code \(status)\n\(try text(error))")
        }
        // openssl and dd say on standard error what they measured.
        return try text(output) + text(error)
    }

    private func signet(_ arguments: String...) async throws -> String {
        try await self.run(self.programs.signet, arguments + ["--socket-path", "\(self.directory)/server/api.sock"])
    }

    func isHealthy(_ socket: String) async throws -> Bool {
        do {
            _ = try await self.run(self.programs.signet, ["healthcheck", "--socket-path", socket])
            return true
        } catch is ChildFailure {
            return false
        }
    }

    func bundle() async throws -> String { try await self.signet("bundle", "show") }

    func token() async throws -> String {
        let output = try await self.signet("token", "generate")
        return String(output.dropFirst("Token: ".count).prefix { !$0.isNewline })
    }

    func grant() async throws {
        let domain = "spiffe://\(Deployment.trustDomain)"
        _ = try await self.signet(
            "service", "create", "--name", Deployment.serviceName, "--spiffe-id", "\(domain)/payments", "--owner",
            "bench")
        _ = try await self.signet(
            "grant", "create", "--from", "\(domain)/bench/workload", "--to", Deployment.serviceName, "--scope",
            "payments:create")
    }

    func assertion() async throws -> String {
        let output = try await self.signet(
            "jwt", "mint", "--spiffe-id", "spiffe://\(Deployment.trustDomain)/bench/workload", "--audience",
            Deployment.issuer)
        return String(output.drop { $0.isWhitespace }.prefix { !$0.isWhitespace })
    }

    func register(parent: String, path: String = "/bench/workload") async throws {
        let domain = "spiffe://\(Deployment.trustDomain)"
        _ = try await self.signet(
            "entry", "create", "--parent-id", domain + parent, "--spiffe-id", domain + path, "--selector",
            "unix:uid:\(geteuid())")
    }

    func apply(_ file: String) async throws { _ = try await self.signet("apply", "--file", file) }
}

/// How the two programs are started, with configuration that says no more than it must.
private struct Starting: Sendable {
    let programs: Programs
    let directory: String
    let port: Int
    let httpsPort: Int

    var tools: Tools { Tools(programs: self.programs, directory: self.directory) }

    func server<Result: Sendable>(_ body: (Child) async throws -> Result) async throws -> Result {
        let config = """
            server:
              trust_domain: \(Deployment.trustDomain)
              data_dir: \(self.directory)/server-data
              socket_path: \(self.directory)/server/api.sock
              bind_address: 127.0.0.1
              bind_port: \(self.port)
              oauth:
                issuer: \(Deployment.issuer)
                bind_address: 127.0.0.1
                bind_port: \(self.httpsPort)
            """
        return try await self.running("server", config, body)
    }

    func agent<Result: Sendable>(token: String, _ body: (Child) async throws -> Result) async throws -> Result {
        try self.write(try await self.tools.bundle(), to: "bundle.pem")
        try self.write(token, to: "join-token")
        let config = """
            agent:
              trust_domain: \(Deployment.trustDomain)
              data_dir: \(self.directory)/agent-data
              socket_path: \(self.directory)/agent/api.sock
              server_address: 127.0.0.1
              server_port: \(self.port)
              trust_bundle_path: \(self.directory)/bundle.pem
              join_token_file: \(self.directory)/join-token
            """
        return try await self.running("agent", config, body)
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(self.directory)/\(name)"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(self.directory)/\(name)")
    }

    private func running<Result: Sendable>(
        _ name: String, _ config: String, _ body: (Child) async throws -> Result
    ) async throws -> Result {
        try self.write(config, to: "\(name).yaml")
        let log = "\(self.directory)/\(name).log"
        let child = try Child(
            self.programs.signet, [name, "run", "--config", "\(self.directory)/\(name).yaml"],
            output: "\(self.directory)/\(name).out", error: log)
        let result: Result
        do {
            // Each question is a process, so this never spins.
            while try await !self.tools.isHealthy("\(self.directory)/\(name)/api.sock") {
                guard child.isRunning else { throw ChildFailure(description: "the \(name) ended before it served") }
            }
            result = try await body(child)
        } catch {
            _ = await child.stop()
            guard !(error is CancellationError) else { throw error }
            let lastLines = (try? String(contentsOfFile: log, encoding: .utf8))?.suffix(1_000) ?? ""
            throw ChildFailure(description: "\(error)\nThe \(name)'s log ends with:\n\(lastLines)")
        }
        let status = await child.stop()
        guard status == 0 else { throw ChildFailure(description: "the \(name) ended with exit code \(status)") }
        return result
    }
}

/// A TCP port of 127.0.0.1 that nobody listens on.
private enum FreePort {
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
