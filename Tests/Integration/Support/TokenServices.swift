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

    /// Copies the demo service and registers the copy as a workload.
    func register(_ name: String) async throws {
        let path = self.deployment.directory.path(name)
        try FileManager.default.copyItem(atPath: Programs.demoService, toPath: path)
        try await self.deployment.register("/\(name)", selector: "unix:path:\(path)", "--x509-svid-ttl", "3h")
    }

    /// Registers `payments` and its callers, and grants them both scopes.
    func registerPayments(callers: [String], maxLifetime: String = "15m") async throws {
        try await self.register("payments")
        try await self.deployment.signet(
            "service", "create", "--name", "payments", "--spiffe-id", self.deployment.id("/payments"), "--owner", "team"
        )
        for caller in callers {
            try await self.register(caller)
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
