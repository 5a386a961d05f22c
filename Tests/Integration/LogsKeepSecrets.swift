import Foundation
import TestSupport
import Testing

@Suite("Scenario: logs keep secrets", .timeLimit(.minutes(2)))
struct LogsKeepSecrets {
    private static let loud = ["log_level": "trace"]

    @Test("a whole run at the most verbose level writes no private key, no unused join token and no JWT")
    func wholeRun() async throws {
        let oauth = ["oauth": "{ issuer: https://tokens.example.org, bind_address: 127.0.0.1, bind_port: 0 }"]
        let deployment = try Deployment(
            server: Self.loud.merging(oauth) { $1 }, agent: Self.loud.merging(["log_format": "json"]) { $1 })
        let server = try await deployment.startServer()
        let unused = try await deployment.newToken()
        let invented = "c0ffee00-0000-4000-8000-00000000beef"
        let refused = try await deployment.launchAgent(token: invented)
        #expect(await refused.waitForEnd() == 1)
        let refusedLog = await refused.everythingWritten()

        let token = try await deployment.newToken()
        let agent = try await deployment.startAgent(token: token)
        let agentID = try await deployment.agentID()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        var secrets = try await self.issue(deployment)
        secrets += try await self.issueTokens(deployment)
        secrets += [.init(name: "an unused join token", bytes: Array(unused.utf8))]
        secrets += [.init(name: "an unknown join token", bytes: Array(invented.utf8))]
        for file in ["server-data/keys.json", "agent-data/agent-keys.json"] {
            secrets += try Self.keys(inFile: deployment.directory.read(file), name: file)
        }

        try await deployment.signet("agent", "ban", "--spiffe-id", agentID)
        #expect(await agent.waitForEnd() == 1)
        #expect(await server.stop() == 0)

        let scan = SecretScan(secrets: secrets)
        let serverLog = await server.everythingWritten()
        let agentLog = await agent.everythingWritten()
        // The level is the one that was asked for, and the steps are in the logs.
        #expect(String(decoding: serverLog, as: UTF8.self).contains(" DEBUG "))
        #expect(String(decoding: serverLog, as: UTF8.self).contains(agentID))
        #expect(String(decoding: agentLog, as: UTF8.self).contains(agentID))
        let records = try deployment.directory.read("server-data/audit.jsonl")
        #expect(String(decoding: records, as: UTF8.self).contains(#""decision":"refused","kind":"access_token""#))
        for (name, log) in [
            "server": serverLog, "agent": agentLog, "refused agent": refusedLog, "audit file": records,
        ] {
            #expect(scan.findings(in: log) == [], "in the log of the \(name)")
            // Once used, a token is the agent's name; before that it is in no log.
            let rest = String(decoding: log, as: UTF8.self).replacing("/spire/agent/join_token/\(token)", with: "")
            #expect(!rest.contains(token), "the join token in the log of the \(name)")
        }
    }

    @Test("a service that judges tokens and callers that bring right and wrong ones write none of them")
    func services() async throws {
        let deployment = try Deployment(
            server: Self.loud.merging(["oauth": TokenServices.oauth]) { $1 }, agent: Self.loud)
        let services = TokenServices(deployment: deployment, environment: ["LOG_LEVEL": "trace"])
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let names = ["orders", "refunds"]
        try await services.registerPayments(callers: names)
        let (payments, port) = try await services.startPayments(callers: names)
        let leaked = deployment.directory.path("leaked")
        var written: [String: [UInt8]] = [:]
        func call(_ name: String, _ arguments: String..., log: String) async throws {
            let caller = try services.call(name, port: port, arguments, log: log)
            #expect(await caller.waitForEnd() == 0, "\(caller.log)")
            written[log] = await caller.everythingWritten()
        }
        try await call("orders", "--leak-token", leaked, log: "accepted")
        let token = String(decoding: try deployment.directory.read("leaked"), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let parts = token.split(separator: ".")
        try #require(parts.count == 3)
        let signature = String(parts[2].reversed())
        let changed = try deployment.directory.write(
            Array("\(parts[0]).\(parts[1]).\(signature)\n".utf8), to: "changed")
        try await call("refunds", "--token-file", leaked, "--expect", "401", log: "of another")
        try await call("orders", "--token-file", changed, "--expect", "401", log: "changed")
        try await call("orders", "--scope", "payments:none", "--expect", "0", log: "without a grant")
        try await call("orders", "--scope", "payments:read", "--expect", "403", log: "without the scope")
        #expect(await payments.stop() == 0)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
        written["payments"] = await payments.everythingWritten()
        written["agent"] = await agent.everythingWritten()
        written["server"] = await server.everythingWritten()
        written["audit file"] = try deployment.directory.read("server-data/audit.jsonl")
        let decisions = String(decoding: written["payments"] ?? [], as: UTF8.self)
        for decision in ["accepted jti", "peer_mismatch", "access_token.token", "insufficient_scope", " debug "] {
            #expect(decisions.contains(decision), "\(decision)")
        }
        let scan = SecretScan(secrets: [
            .init(name: "a signature", bytes: Array(parts[2].utf8)),
            .init(name: "a changed signature", bytes: Array(signature.utf8)),
        ])
        for (name, log) in written { #expect(scan.findings(in: log) == [], "written by \(name)") }
    }

    /// Has an SVID of every kind issued, fetched and validated, and returns what is secret of them.
    private func issue(_ deployment: Deployment) async throws -> [SecretScan.Secret] {
        let folder = deployment.directory.path("svids")
        let id = deployment.id("/workload")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try await deployment.signet("x509", "mint", "--spiffe-id", deployment.id("/minted"), "--write", folder)
        try await deployment.signet("workload", "fetch", "x509", "--write", folder)
        var secrets: [SecretScan.Secret] = []
        for file in ["svids/key.pem", "svids/svid.0.key"] {
            let pem = String(decoding: try deployment.directory.read(file), as: UTF8.self)
            let base64 = pem.split(separator: "\n").filter { !$0.hasPrefix("-") }.joined()
            let der = try #require(Data(base64Encoded: base64))
            secrets.append(.init(name: file, bytes: try #require(SecretScan.secretNumber(pkcs8: Array(der)))))
        }

        let minted = try await deployment.signet(
            "jwt", "mint", "--spiffe-id", deployment.id("/minted"), "--audience", "reports"
        ).outputText
        let fetched = try await deployment.signet("workload", "fetch", "jwt", "--audience", "reports").outputText
        for (name, output) in ["a minted JWT-SVID": minted, "a fetched JWT-SVID": fetched] {
            let token = try #require(output.firstMatch(of: #/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)/#))
            secrets.append(.init(name: name, bytes: Array(token.output.1.utf8)))
            let valid = try await deployment.run(
                ["workload", "validate", "jwt", "--audience", "reports", "--svid", String(token.output.0)])
            #expect(valid.status == 0, "\(valid.errorText)")
            // Refused: for somebody else, and changed by a bit.
            for (audience, svid) in [("other", String(token.output.0)), ("reports", "\(token.output.0.dropLast())_")] {
                let invalid = try await deployment.run(
                    ["workload", "validate", "jwt", "--audience", audience, "--svid", svid])
                #expect(invalid.status == 1)
            }
        }
        #expect(try await deployment.signet("workload", "fetch", "x509").outputText.contains(id))
        return secrets
    }

    /// Has access tokens issued and refused, and returns what is secret of them.
    private func issueTokens(_ deployment: Deployment) async throws -> [SecretScan.Secret] {
        try await deployment.signet(
            "service", "create", "--name", "payments", "--spiffe-id", deployment.id("/payments"), "--owner", "team")
        try await deployment.signet(
            "grant", "create", "--from", deployment.id("/workload"), "--to", "payments", "--scope", "a")
        let fetch = ["workload", "fetch", "token", "--audience"]
        let fetched = try await deployment.run(fetch + ["payments", "--scope", "a"])
        let token = try #require(
            fetched.outputText.firstMatch(of: #/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)/#),
            "\(fetched.errorText)")
        #expect(try await deployment.run(fetch + ["payments", "--scope", "b"]).status == 1)
        // A token where the name of a service belongs.
        #expect(try await deployment.run(fetch + [String(token.output.0)]).status == 1)
        return [.init(name: "an access token", bytes: Array(token.output.1.utf8))]
    }

    private static func keys(inFile content: [UInt8], name: String) throws -> [SecretScan.Secret] {
        let text = String(decoding: content, as: UTF8.self)
        let secrets = text.matches(of: #/[A-Za-z0-9+\/]{100,}={0,2}/#).compactMap { match in
            Data(base64Encoded: String(match.output)).flatMap { SecretScan.secretNumber(pkcs8: Array($0)) }
        }
        try #require(!secrets.isEmpty, "no key in \(name)")
        return secrets.map { .init(name: name, bytes: $0) }
    }

    @Test("the scan finds a secret in every encoding it may be written in")
    func scanFinds() throws {
        let number = [UInt8](0xA0..<0xC0)
        let key = [0x30, 0x25, 2, 1, 1, 4, 32] + number
        let scan = SecretScan(secrets: [.init(name: "number", bytes: number)])
        let both: Set = ["a DER private key", "number"]
        let hex = key.map { String(format: "%02x", $0) }.joined()
        for encoded in [
            "key=\(Data(key).base64EncodedString())", "key: \(hex)", "KEY/\(hex.uppercased())", "x\(key)",
            "abc\(Data(key).base64EncodedString())", "a\(hex)",
            Data(key).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_"),
        ] {
            #expect(scan.findings(in: Array("before \(encoded) after\n".utf8)) == both, "\(encoded)")
        }
        #expect(scan.findings(in: [0, 255] + key) == both)
        #expect(scan.findings(in: Array("-----BEGIN EC PRIVATE KEY-----".utf8)) == ["a PEM private key"])
        #expect(scan.findings(in: Array("token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.x".utf8)) == ["a JWT"])
        #expect(scan.findings(in: Array("spiffe://example.org/spire/agent [1, 2] eyJ.x deadbeef".utf8)) == [])
    }
}
