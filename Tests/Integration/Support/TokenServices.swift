import Foundation
import TestSupport

/// A deployment that issues access tokens, a service that demands them, and callers that are told apart by the path of
/// their program.
struct TokenServices {
    static let issuer = "https://tokens.example.org"
    /// The section `oauth` of the server.
    static let oauth =
        "{issuer: \"\(Self.issuer)\", bind_address: 127.0.0.1, bind_port: 0, dns_names: tokens.example.org}"

    let deployment: Deployment
    /// Further environment of the services.
    var environment: [String: String] = [:]

    /// Gives the demo service a path of its own and registers that as a workload.
    func register(_ name: String, ttl: String = "4h") async throws {
        let path = self.deployment.directory.path(name)
        let copy = self.deployment.directory.path("demo-service")
        if !FileManager.default.fileExists(atPath: copy) {
            try FileManager.default.copyItem(atPath: Programs.demoService, toPath: copy)
        }
        // The same file under many names: each process is known by the one it was started by.
        try FileManager.default.linkItem(atPath: copy, toPath: path)
        try await self.deployment.register("/\(name)", selector: "unix:path:\(path)", "--x509-svid-ttl", ttl)
    }

    /// Registers `payments` and its callers, and grants them both scopes.
    ///
    /// - Parameter shortLived: The callers whose X.509-SVIDs live for an hour; others live for four.
    func registerPayments(
        callers: [String], shortLived: Set<String> = [], maxLifetime: String = "15m"
    ) async throws {
        try await self.register("payments")
        try await self.deployment.signet(
            "service", "create", "--name", "payments", "--spiffe-id", self.deployment.id("/payments"), "--owner", "team"
        )
        for caller in callers {
            try await self.register(caller, ttl: shortLived.contains(caller) ? "1h" : "4h")
            try await self.deployment.signet(
                "grant", "create", "--from", self.deployment.id("/\(caller)"), "--to", "payments", "--scope",
                "payments:create", "--scope", "payments:read", "--max-lifetime", maxLifetime, "--reason", "test")
        }
    }

    /// Starts `payments` for these callers and returns it with its port.
    func startPayments(callers: [String]) async throws -> (RunningProgram, port: String) {
        let payments = try self.start(
            "payments",
            [
                "serve-api", "--name", "payments", "--issuer", Self.issuer, "--port-file",
                self.deployment.directory.path("port"),
            ] + callers.flatMap { ["--authorize", self.deployment.id("/\($0)")] })
        _ = try await payments.line(containing: "serving on")
        let port = String(decoding: try self.deployment.directory.read("port"), as: UTF8.self).filter(\.isNumber)
        return (payments, port)
    }

    /// Starts a caller, with the log named `log`.
    func call(_ name: String, port: String, _ more: [String], log: String? = nil) throws -> RunningProgram {
        try self.start(
            name,
            ["call-api", "--name", name, "--port", port, "--authorize", self.deployment.id("/payments")] + more,
            log: log)
    }

    private func start(_ name: String, _ arguments: [String], log: String? = nil) throws -> RunningProgram {
        try RunningProgram(
            self.deployment.directory.path(name), arguments,
            environment: self.environment.merging(["SPIFFE_ENDPOINT_SOCKET": self.deployment.workloadURI]) { $1 },
            logPath: self.deployment.directory.path("\(log ?? name).log"))
    }
}

/// What `call-api` prints: its lines, the last of which is a summary.
struct AnswerSummary {
    private struct Summary: Decodable {
        let calls: Int
        let answers: [String: Int]
    }

    let calls: Int
    let answers: [String: Int]
    /// The lines before the summary that nobody has waited for.
    let lines: [String]

    /// Reads the lines of a caller to the last.
    init(of caller: RunningProgram) async throws {
        var lines: [String] = []
        var line = try await caller.line()
        while !line.hasPrefix("{\"answers\"") {
            lines.append(line)
            line = try await caller.line()
        }
        let summary = try JSONDecoder().decode(Summary.self, from: Data(line.utf8))
        self.calls = summary.calls
        self.answers = summary.answers
        self.lines = lines
    }
}
