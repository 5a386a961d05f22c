import Foundation
import TestSupport
import Testing

@Suite("Options as SPIRE's users write them", .timeLimit(.minutes(1)))
struct OptionSpellings {
    private func run(_ line: String) async throws -> ProcessOutput {
        try await runProcess(
            CommandLineContract.signet, line.split(separator: " ").map(String.init),
            environment: ["PATH": "/usr/bin:/bin", "SIGNET_SERVER_SOCKET": "/nowhere/api.sock"])
    }

    /// As a cluster of short options each of these would contain `-h` and be a call for help that succeeds.
    @Test(
        "an unknown option behind one dash is refused",
        arguments: [
            "entry create -federateswith other.test", "entry delete -path ids.txt", "agent run -allowUnauthenticated",
            "healthcheck -shallo",
        ])
    func unknown(line: String) async throws {
        let result = try await self.run(line)
        #expect(result.status == 2)
        #expect(result.errorText.contains("Unknown option '--"), "\(result.errorText)")
        #expect(result.output.isEmpty)
    }

    @Test("a probe written for SPIRE asks the socket", arguments: ["-shallow", "--shallow", "-shallow=false"])
    func probe(option: String) async throws {
        let result = try await self.run("healthcheck \(option)")
        #expect(result.status == 1)
        #expect(result.errorText == "signet: no socket at /nowhere/api.sock: the server does not serve\n")
    }

    @Test(
        "Go's flags with a value are understood", arguments: ["-downstream=true", "-downstream=false", "-downstream"])
    func flags(option: String) async throws {
        let result = try await self.run("entry show \(option)")
        #expect(result.status == 1)
        #expect(result.errorText.contains("no socket at /nowhere/api.sock"), "\(result.errorText)")
    }

    @Test("a group without a verb is wrong usage, and shows its verbs", arguments: ["", "entry", "workload"])
    func group(line: String) async throws {
        let result = try await self.run(line)
        #expect(result.status == 2)
        #expect(result.errorText.contains("SUBCOMMANDS:"))
        #expect(result.output.isEmpty)
    }

    @Test("what cannot be written to standard output is a failure")
    func full() async throws {
        let result = try await runProcess("/bin/sh", ["-c", "'\(CommandLineContract.signet)' -version > /dev/full"])
        #expect(result.status == 1)
        #expect(result.errorText == "signet: cannot write to standard output: No space left on device\n")
    }
}
