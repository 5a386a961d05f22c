import Foundation
import FoundationNetworking
import TestSupport
import Testing

/// `signet-sdk-harness` as an outside suite sees it.
struct Harness {
    let program: RunningProgram
    let x509Port: Int
    let controlPort: Int

    /// Starts the harness and reads its ports; it need not be ready.
    init(_ deployment: Deployment) async throws {
        self.program = try RunningProgram(
            Programs.sdkHarness, [], environment: ["SPIFFE_ENDPOINT_SOCKET": deployment.workloadURI],
            logPath: deployment.directory.path("harness.log"))
        #expect(try await self.program.line() == "SPIFFE_HARNESS_VERSION=1")
        self.x509Port = try await Self.port("SPIFFE_X509_PORT=", of: self.program)
        self.controlPort = try await Self.port("SPIFFE_CONTROL_PORT=", of: self.program)
    }

    private static func port(_ prefix: String, of program: RunningProgram) async throws -> Int {
        let line = try await program.line()
        guard line.hasPrefix(prefix), let port = Int(line.dropFirst(prefix.count)) else {
            throw Deployment.Failure(description: "'\(line)' is not \(prefix)")
        }
        return port
    }

    /// What the control port answers.
    struct Answer {
        let code: Int
        let body: [String: Any]

        var status: String? { self.body["status"] as? String }
        var spiffeID: String? { self.body["spiffe_id"] as? String }
        var reason: String { self.body["reason"] as? String ?? "" }
    }

    func get(_ path: String) async throws -> Answer {
        try await self.answer(to: self.request(path))
    }

    func post(_ path: String, _ body: [String: Any]) async throws -> Answer {
        try await self.post(path, raw: JSONSerialization.data(withJSONObject: body))
    }

    func post(_ path: String, raw body: Data) async throws -> Answer {
        var request = try self.request(path)
        request.httpMethod = "POST"
        request.httpBody = body
        return try await self.answer(to: request)
    }

    private func request(_ path: String) throws -> URLRequest {
        URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(self.controlPort)\(path)")))
    }

    private func answer(to request: URLRequest) async throws -> Answer {
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = try #require(response as? HTTPURLResponse)
        #expect(http.value(forHTTPHeaderField: "Content-Type") == "application/json")
        let body = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return Answer(code: http.statusCode, body: body)
    }

    /// What `openssl s_client` is told by the X.509 port.
    func tells(_ arguments: [String]) async throws -> String {
        let output = try await runProcess(
            "openssl",
            ["s_client", "-connect", "127.0.0.1:\(self.x509Port)", "-quiet"] + arguments)
        return output.outputText
    }
}

@Suite("The harness for outside suites", .timeLimit(.minutes(3)))
struct HarnessForOutsiders {
    @Test("is not ready before the library has an X509-SVID, and ends with 0 when told to")
    func readiness() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let waiting = try await Harness(deployment)
        let refused = try await waiting.post("/v1/jwt/fetch", ["audience": ["reports"], "spiffe_id": ""])
        #expect(refused.code == 422)
        #expect(refused.reason.hasPrefix("workload_api.permission_denied: "))
        #expect(try await waiting.tells([]) == "")
        #expect(await waiting.program.stop() == 0)
        await #expect(throws: RunningProgram.Ended.self) { try await waiting.program.line() }

        let patient = try await Harness(deployment)
        try await deployment.register("/harness", selector: Deployment.ownSelector)
        #expect(try await patient.program.line() == "READY")
        #expect(await patient.program.stop() == 0)
        _ = (await agent.stop(), await server.stop())
    }

    @Test("ends when told to, although a request is half sent and another half said")
    func halfSent() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let harness = try await Harness(deployment)
        try await deployment.register("/harness", selector: Deployment.ownSelector)
        #expect(try await harness.program.line() == "READY")
        let head = "POST /v1/jwt/fetch HTTP/1.1\r\nHost: harness\r\nContent-Length: 100\r\n\r\n"
        let requests = try [head, String(head.prefix(10))].map {
            try HeldConnection(port: harness.controlPort, sending: Array($0.utf8))
        }
        // What is asked after is answered after: the halves have arrived.
        #expect(try await harness.get("/v1/info").code == 200)
        let told = ContinuousClock.now
        #expect(await harness.program.stop() == 0)
        #expect(told.duration(to: .now) < .seconds(20))
        withExtendedLifetime(requests) {}
        _ = (await agent.stop(), await server.stop())
    }

    @Test("without an address of the Workload API it ends with 1")
    func noAddress() async throws {
        let result = try await runProcess(Programs.sdkHarness, environment: [:])
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errorText.contains("SPIFFE_ENDPOINT_SOCKET"))
    }

    @Test("answers each request by what the library says")
    func requests() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/harness", selector: Deployment.ownSelector, "--hint", "internal")
        let harness = try await Harness(deployment)
        #expect(try await harness.program.line() == "READY")

        let info = try await harness.get("/v1/info")
        #expect(info.code == 200 && info.status == "ok")
        try await self.tokens(deployment, harness)
        try await self.unreadable(harness)
        try await self.dialling(deployment, harness)
        try await self.callers(deployment, harness)
        #expect(await harness.program.stop() == 0)
        _ = (await agent.stop(), await server.stop())
    }

    private func tokens(_ deployment: Deployment, _ harness: Harness) async throws {
        let fetched = try await harness.post("/v1/jwt/fetch", ["audience": ["reports", "audits"], "spiffe_id": ""])
        #expect(fetched.code == 200 && fetched.status == "ok")
        let svids = try #require(fetched.body["svids"] as? [[String: String]])
        #expect(svids.map { [$0["spiffe_id"], $0["hint"]] } == [[deployment.id("/harness"), "internal"]])
        let token = try #require(svids.first?["token"])

        let valid = try await harness.post("/v1/jwt/validate", ["token": token, "audience": "audits"])
        #expect(valid.code == 200 && valid.status == "ok")
        #expect(valid.spiffeID == deployment.id("/harness"))
        let claims = try #require(valid.body["claims"] as? [String: Any])
        #expect(claims["sub"] as? String == deployment.id("/harness"))
        #expect(claims["aud"] as? [String] == ["audits", "reports"])

        let other = try await harness.post("/v1/jwt/validate", ["token": token, "audience": "others"])
        #expect(other.code == 422 && other.status == "rejected")
        #expect(other.reason.hasPrefix("jwt_svid.audience_mismatch: "))
        let cut = try await harness.post(
            "/v1/jwt/validate", ["token": "\(token.dropLast(4))AAAA", "audience": "audits"])
        #expect(cut.code == 422 && cut.status == "rejected")
        let nobody = try await harness.post("/v1/jwt/validate", ["token": token, "audience": ""])
        #expect(nobody.code == 422 && nobody.reason.hasPrefix("jwt_svid.no_expected_audience: "))

        let wanted = try await harness.post(
            "/v1/jwt/fetch", ["audience": ["reports"], "spiffe_id": deployment.id("/harness")])
        #expect(wanted.code == 200)
        let foreign = try await harness.post(
            "/v1/jwt/fetch", ["audience": ["reports"], "spiffe_id": deployment.id("/other")])
        #expect(foreign.code == 422 && foreign.reason.hasPrefix("workload_api.permission_denied: "))
        let malformed = try await harness.post("/v1/jwt/fetch", ["audience": ["reports"], "spiffe_id": "harness"])
        #expect(malformed.code == 422 && malformed.reason.hasPrefix("spiffe_id.wrong_scheme: "))
        let noAudience = try await harness.post("/v1/jwt/fetch", ["audience": [String](), "spiffe_id": ""])
        #expect(noAudience.code == 422 && noAudience.reason.hasPrefix("workload_api.invalid_argument: "))
    }

    private func unreadable(_ harness: Harness) async throws {
        #expect(try await harness.post("/v1/jwt/validate", ["token": 1, "audience": "audits"]).code == 500)
        #expect(try await harness.post("/v1/jwt/validate", ["audience": "audits"]).code == 500)
        #expect(try await harness.post("/v1/jwt/fetch", ["audience": "reports"]).code == 500)
        #expect(try await harness.post("/v1/x509/dial", ["address": "nowhere"]).code == 500)
        let noJSON = try await harness.post("/v1/jwt/validate", raw: Data("{".utf8))
        #expect(noJSON.code == 500 && noJSON.status == "error")
        let unknown = try await harness.post("/v1/wit/validate", [:])
        #expect(unknown.code == 501 && unknown.status == "unsupported")
        #expect(try await harness.get("/v1/jwt/validate").code == 501)
    }

    private func dialling(_ deployment: Deployment, _ harness: Harness) async throws {
        let own = try await harness.post("/v1/x509/dial", ["address": "127.0.0.1:\(harness.x509Port)"])
        #expect(own.code == 200 && own.status == "ok")
        #expect(own.spiffeID == deployment.id("/harness"))
        let plain = try await harness.post("/v1/x509/dial", ["address": "127.0.0.1:\(harness.controlPort)"])
        #expect(plain.code == 422 && plain.reason.hasPrefix("tls.handshake_failed: "))
        let nobody = try await harness.post("/v1/x509/dial", ["address": "127.0.0.1:\(try FreePort.find())"])
        #expect(nobody.code == 500 && nobody.status == "error")
        // The control plane's certificate is of the trust domain; its port is another service.
        let server = try await harness.post("/v1/x509/dial", ["address": "127.0.0.1:\(deployment.port)"])
        #expect(server.spiffeID == deployment.id("/spire/server"), "\(server.reason)")
    }

    private func callers(_ deployment: Deployment, _ harness: Harness) async throws {
        let right = deployment.directory.path("right")
        let wrong = deployment.directory.path("wrong")
        for folder in [right, wrong] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        try await deployment.signet("x509", "mint", "--spiffe-id", deployment.id("/caller"), "--write", right)
        #expect(
            try await harness.tells(["-cert", "\(right)/svid.pem", "-key", "\(right)/key.pem"])
                == "\(deployment.id("/caller"))\n")
        #expect(try await harness.tells([]) == "")

        let made = try await runProcess(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                "-subj", "/CN=impostor", "-addext", "subjectAltName=URI:\(deployment.id("/caller"))",
                "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
                "-keyout", "\(wrong)/key.pem", "-out", "\(wrong)/svid.pem",
            ])
        #expect(made.status == 0, "\(made.errorText)")
        #expect(try await harness.tells(["-cert", "\(wrong)/svid.pem", "-key", "\(wrong)/key.pem"]) == "")
    }
}
