import Foundation
import TestSupport
import Testing

@Suite("Scenario: the disk is full", .timeLimit(.minutes(2)))
struct FullDisk {
    private static let unshare = "/usr/bin/unshare"

    @Test(
        "nothing is acknowledged that was not written, what exists is served, and room is all it takes to go on",
        .enabled(
            if: Programs.isRoot && FileManager.default.isExecutableFile(atPath: Self.unshare),
            "a small disk is mounted for the server alone"))
    func fullAndFreed() async throws {
        let deployment = try Deployment()
        let data = deployment.directory.path("server-data")
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let mount = "mount -t tmpfs -o size=4m,mode=700 tmpfs '\(data)' && exec \"$@\""
        let server = try await deployment.startServer(through: [Self.unshare, "-m", "/bin/sh", "-c", mount, "sh"])
        let agent = try await deployment.startAgent()
        let parent = try await deployment.agentID()
        try await deployment.register("/before", selector: Deployment.ownSelector)

        // What was issued before is recorded; each question is a process, so this never spins.
        while try await deployment.run(["workload", "fetch", "x509"]).status != 0 {}

        // As the server sees its folder.
        let filling = "/proc/\(server.pid)/root\(data)/filling"
        try Self.fill(filling)
        let create = [
            "entry", "create", "--parent-id", parent, "--selector", Deployment.ownSelector, "--spiffe-id",
        ]
        for number in 1...5 {
            let refused = try await deployment.run(create + [deployment.id("/full-\(number)")])
            #expect(refused.status == 1, "\(refused.outputText)")
        }
        #expect(try await deployment.run(["token", "generate"]).status == 1)
        #expect(server.isRunning)
        #expect(try await deployment.signet("entry", "count").outputText == "1 registration entry\n")
        // What needs no disk goes on, and so does what cannot be recorded: more than fits in the last page.
        for _ in 1...20 { try await deployment.signet("x509", "mint", "--spiffe-id", deployment.id("/minted")) }
        #expect(
            try await deployment.signet("workload", "fetch", "x509").outputText.contains(deployment.id("/before")))

        try FileManager.default.removeItem(atPath: filling)
        #expect(try await deployment.run(create + [deployment.id("/after")]).status == 0)
        try await deployment.signet("x509", "mint", "--spiffe-id", deployment.id("/minted-after"))
        try await Self.expectGap(
            in: "/proc/\(server.pid)/root\(data)/audit.jsonl", of: deployment, log: server.log)
        let entries = try await deployment.signet("entry", "show", "--output", "json").outputText
        #expect(entries.contains("/before") && entries.contains("/after"))
        #expect(!entries.contains("/full-"))
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    /// Every record that is missing is counted, no line is broken, and the log says so once.
    private static func expectGap(in file: String, of deployment: Deployment, log: String) async throws {
        let query = ["audit", "query", "--file", file, "--output", "json"]
        let all = try await deployment.run(query)
        #expect(all.status == 0)
        #expect(all.errorText == "")
        let gaps = try await deployment.run(query + ["--decision", "lost"]).outputText
        let count = try #require(gaps.firstMatch(of: #/"count":(\d+)/#).flatMap { Int($0.output.1) })
        #expect(gaps.split(separator: "\n").count == 1)
        let minted = try await deployment.run(query + ["--subject", deployment.id("/minted")]).outputText
        #expect(count + minted.split(separator: "\n").count >= 20)
        #expect(count > 0)
        let after = try await deployment.run(query + ["--subject", deployment.id("/minted-after")]).outputText
        #expect(after.split(separator: "\n").count == 1)
        #expect(log.matches(of: #/audit records cannot be written/#).count == 1)
        #expect(log.matches(of: #/audit records are written again/#).count == 1)
    }

    /// Writes a file until not a byte more fits.
    private static func fill(_ path: String) throws {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        defer { close(file) }
        for size in [65_536, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while unsafe write(file, bytes, size) > 0 {}
        }
    }
}
