import Foundation
import TestSupport
import Testing

/// One call of the program: what it is given, and what comes back.
struct Call: Sendable, CustomTestStringConvertible {
    let arguments: String
    let status: Int32
    let error: String

    var testDescription: String { "signet \(self.arguments)" }
}

@Suite("The command line's contract with scripts", .timeLimit(.minutes(2)))
struct CommandLineContract {
    static let signet =
        URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "signet").path

    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ProcessOutput {
        try await runProcess(Self.signet, arguments, environment: ["PATH": "/usr/bin:/bin"].merging(environment) { $1 })
    }

    private func config(_ text: String, _ body: (String) async throws -> Void) async throws {
        try await withTemporaryDirectory { try await body($0.write(Array(text.utf8), to: "config.yaml")) }
    }

    @Test(
        "wrong usage exits 2 and names what is wrong",
        arguments: [
            Call(arguments: "frobnicate", status: 2, error: "Unexpected argument 'frobnicate'"),
            Call(arguments: "entry create", status: 2, error: "--spiffe-id is required"),
            Call(arguments: "entry create --spiffe-id spiffe://a/b", status: 2, error: "--selector is required"),
            Call(
                arguments: "entry create --spiffe-id nonsense --parent-id spiffe://a/b --selector unix:uid:1",
                status: 2,
                error: "--spiffe-id: 'nonsense' is not a SPIFFE ID"),
            Call(
                arguments: "entry create --spiffe-id spiffe://a/b --parent-id spiffe://a/c --selector unix", status: 2,
                error: "--selector: 'unix'"),
            Call(arguments: "token generate --ttl 0", status: 2, error: "--ttl: '0' is not a positive number"),
            Call(arguments: "jwt mint --spiffe-id spiffe://a/b", status: 2, error: "--audience is required"),
            Call(
                arguments: "x509 mint --spiffe-id spiffe://a/b --write /nowhere", status: 2,
                error: "/nowhere is not a folder"),
            Call(
                arguments: "jwt mint --spiffe-id spiffe://a/b --audience x --write /nowhere/token", status: 2,
                error: "--write: /nowhere is not a folder"),
            Call(
                arguments: "jwt mint --spiffe-id spiffe://a/b --audience x --write /tmp", status: 2,
                error: "--write: '/tmp' is not a file"),
            Call(
                arguments: "jwt mint --spiffe-id spiffe://a/b --audience x -ttl 1x", status: 2,
                error: "expected seconds, or a duration with its units as 90s, 1h30m or 24h"),
            Call(arguments: "x509 mint --spiffe-id spiffe://a/b -ttl=-5", status: 2, error: "it is negative"),
            Call(
                arguments: "x509 mint --spiffe-id spiffe://a/b -ttl 600000h", status: 2, error: "longer than 68 years"),
            Call(
                arguments: "service create --name a --spiffe-id spiffe://a/b", status: 2, error: "--owner is required"),
            Call(
                arguments: "service create --name a --spiffe-id spiffe://a/b --owner o --binding none", status: 2,
                error: "none"),
            Call(arguments: "grant create --from spiffe://a/b --to c", status: 2, error: "--scope is required"),
            Call(
                arguments: "grant create --from spiffe://a/b --to c --scope d --max-lifetime soon", status: 2,
                error: "--max-lifetime: 'soon' is not a duration"),
            Call(
                arguments: "grant create --from spiffe://a/b --to c --scope d --not-after soon", status: 2,
                error: "--not-after: 'soon' is neither a time"),
            Call(arguments: "revoke", status: 2, error: "exactly one of --jti, --spiffe-id, --serial and --kid"),
            Call(arguments: "revoke --jti a --kid b", status: 2, error: "exactly one of --jti"),
            Call(arguments: "revoke --serial 0", status: 2, error: "--serial: '0' is not a serial number"),
            Call(arguments: "apply -f /nowhere.yaml", status: 2, error: "cannot read /nowhere.yaml: no such file"),
            Call(
                arguments: "server run --config /nowhere.yaml", status: 2, error: "cannot read the configuration file"),
        ])
    func wrongUsage(_ call: Call) async throws {
        let result = try await self.run(call.arguments.split(separator: " ").map(String.init))
        #expect(result.status == call.status)
        #expect(result.errorText.contains(call.error), "\(result.errorText)")
        #expect(result.output.isEmpty)
    }

    @Test(
        "a command without a server or an agent exits 1 and says what to start",
        arguments: [
            Call(arguments: "entry show", status: 1, error: "signet server run"),
            Call(arguments: "healthcheck", status: 1, error: "does not serve"),
            Call(arguments: "workload fetch x509", status: 1, error: "signet agent run"),
        ])
    func nobodyThere(_ call: Call) async throws {
        try await withTemporaryDirectory { directory in
            let arguments = call.arguments.split(separator: " ").map(String.init)
            let result = try await self.run(arguments + ["--socket-path", directory.path("no.sock")])
            #expect(result.status == call.status)
            #expect(result.errorText.contains(call.error), "\(result.errorText)")
            #expect(result.errorText.contains(directory.path("no.sock")))
        }
    }

    @Test("a folder that others can write to is refused before the server is asked for a key")
    func folderOfOthers() async throws {
        try await withTemporaryDirectory { directory in
            try directory.setMode(0o770)
            let result = try await self.run(
                ["x509", "mint", "--spiffe-id", "spiffe://a/b", "--write", directory.path, "--socket-path", "/nowhere"])
            #expect(result.status == 2)
            #expect(
                result.errorText
                    == "signet: --write: the directory '\(directory.path)' has mode 0770; only its owner may be able to "
                    + "write to it\n")
        }
    }

    @Test("--help and --version exit 0 and write to standard output")
    func help() async throws {
        let help = try await self.run(["--help"])
        #expect(help.status == 0)
        #expect(help.outputText.contains("Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."))
        #expect(help.error.isEmpty)
        let version = try await self.run(["--version"])
        #expect(version.status == 0)
        #expect(version.outputText.wholeMatch(of: #/\d+\.\d+\.\d+\n/#) != nil)
    }

    @Test("SID-32: a server is told its trust domain, since no name that we chose would be its own")
    func trustDomainMissing() async throws {
        try await self.config("server:\n  bind_port: 0\n") { path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 2)
            #expect(result.errorText.contains("'server.trust_domain'"), "\(result.errorText)")
        }
    }

    @Test("an unknown key is refused with its line and the nearest known key")
    func unknownKey() async throws {
        try await self.config("server:\n  trust_domain: example.org\n  bind_prot: 8081\n") { path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 2)
            #expect(
                result.errorText
                    == "signet: \(path), line 3: unknown key 'server.bind_prot'; did you mean 'server.bind_port'?\n")
        }
    }

    @Test(
        "a malformed value is refused with its key",
        arguments: [
            ("bind_port: 70000", "'server.bind_port' is '70000': expected a number from 0 to 65535"),
            ("ca_ttl: 24", "'server.ca_ttl' is '24': expected a duration with its unit, as 90s, 1h30m or 24h"),
            ("ca_key_type: dsa", "'server.ca_key_type' is 'dsa': expected one of ec-p256, ec-p384, rsa-2048, rsa-4096"),
            (
                "wit_key_type: ec-p256",
                "'server.wit_key_type' and 'server.wit_svid': WIT-SVIDs are not issued unless wit_svid is true"
            ),
            ("min_tls_version: \"1.1\"", "'server.min_tls_version' is '1.1': expected one of 1.2, 1.3"),
            (
                "log_level: loud",
                "'server.log_level' is 'loud': expected one of trace, debug, info, notice, warning, error, critical"
            ),
            (
                "bind_address: localhost",
                "'server.bind_address' is 'localhost': expected an IP address, as 127.0.0.1, 0.0.0.0 or ::1"
            ),
            (
                "socket_path: api.sock",
                "'server.socket_path' is 'api.sock': expected an absolute path of at most 106 bytes"
            ),
            ("agent_ttl: 1500ms", "'server.agent_ttl' is '1500ms': expected whole seconds, as 90s, 1h30m or 24h"),
            (
                "default_jwt_svid_ttl: 500ms",
                "'server.default_jwt_svid_ttl' is '500ms': expected whole seconds, as 90s, 1h30m or 24h"
            ),
            ("data_dir: \"\"", "'server.data_dir' is '': expected a folder"),
            ("data_dir: ~", "'server.data_dir' is '~': expected a value; remove the line to have the default"),
            ("bind_port:", "'server.bind_port' is '': expected a value; remove the line to have the default"),
            (
                "ca_ttl: 1s",
                "'server.ca_ttl' is '1s': the authorities' lifetime 1s is not whole seconds between 6s and 876600h"
            ),
            (
                "ca_subject: {country: Utopia}",
                "'server.ca_subject.country' is 'Utopia': the authority's subject has a malformed country"
            ),
            (
                "ca_subject: {common_name: \"\"}",
                "'server.ca_subject.common_name' is '': the authority's subject has a malformed common name"
            ),
        ])
    func malformedValue(line: String, error: String) async throws {
        try await self.config("server:\n  trust_domain: example.org\n  \(line)\n") { path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 2)
            #expect(result.errorText == "signet: \(error)\n")
        }
    }

    @Test("a default lifetime the authority cannot guarantee is refused")
    func lifetimeTooLong() async throws {
        try await self.config("server:\n  trust_domain: example.org\n  ca_ttl: 1h\n  default_x509_svid_ttl: 1h\n") {
            path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 2)
            #expect(result.errorText.contains("default_x509_svid_ttl"), "\(result.errorText)")
            #expect(result.errorText.contains("10m"), "\(result.errorText)")
        }
    }

    @Test("the example configurations are valid", arguments: ["server", "agent"])
    func examples(name: String) async throws {
        let root = URL(filePath: #filePath).pathComponents.dropFirst().dropLast(3).reduce("") { "\($0)/\($1)" }
        let result = try await self.run(["config", "validate", "--config", "\(root)/Config/\(name).yaml"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.outputText == "\(root)/Config/\(name).yaml: valid\n")
    }

    @Test("flags beat environment beats file")
    func precedence() async throws {
        try await self.config("server:\n  trust_domain: example.org\n  bind_port: 1x\n") { path in
            let file = try await self.run(["server", "run", "--config", path])
            #expect(file.errorText.hasPrefix("signet: 'server.bind_port' is '1x'"), "\(file.errorText)")
            let environment = try await self.run(
                ["server", "run", "--config", path], environment: ["SIGNET_SERVER_BIND_PORT": "2x"])
            #expect(environment.errorText.hasPrefix("signet: 'server.bind_port' is '2x'"), "\(environment.errorText)")
            let flag = try await self.run(
                ["server", "run", "--config", path, "--bind-port", "3x"], environment: ["SIGNET_SERVER_BIND_PORT": "2x"]
            )
            #expect(flag.errorText.hasPrefix("signet: 'server.bind_port' is '3x'"), "\(flag.errorText)")
            let spire = try await self.run(["server", "run", "-config", path, "-serverPort=4x"])
            #expect(spire.errorText.hasPrefix("signet: 'server.bind_port' is '4x'"), "\(spire.errorText)")
        }
    }

    @Test("keys that exclude each other are refused")
    func contradictions() async throws {
        let agent = "agent:\n  trust_domain: example.org\n  server_address: 127.0.0.1\n"
        try await self.config(agent + "  insecure_bootstrap: true\n  trust_bundle_path: /etc/hosts\n") { path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 2)
            #expect(
                result.errorText
                    == "signet: 'agent.trust_bundle_path' and 'agent.insecure_bootstrap': give one of them\n")
        }
    }

    @Test("of keys that exclude each other, the one from the stronger source counts")
    func exclusivePrecedence() async throws {
        try await withTemporaryDirectory { directory in
            // Writable by others: refused once the configuration is read, before anything starts.
            try directory.setMode(0o777)
            let agent =
                "agent:\n  trust_domain: example.org\n  server_address: 127.0.0.1\n  data_dir: \(directory.path)\n"
            let file = try directory.write(
                Array("\(agent)  trust_bundle_path: /nowhere\n  join_token_file: /nowhere\n".utf8), to: "agent.yaml")
            let run = ["agent", "run", "--config", file]
            let both = ["--insecure-bootstrap", "--join-token", "t"]
            let flags = try await self.run(run + both)
            #expect(flags.errorText.contains("is writable by others (mode 777)"), "\(flags.errorText)")
            let environment = try await self.run(
                run, environment: ["SIGNET_AGENT_INSECURE_BOOTSTRAP": "true", "SIGNET_AGENT_JOIN_TOKEN": "t"])
            #expect(environment.errorText.contains("is writable by others (mode 777)"), "\(environment.errorText)")
            let flag = try await self.run(
                run + ["--trust-bundle-path", "/nowhere/else"], environment: ["SIGNET_AGENT_INSECURE_BOOTSTRAP": "true"]
            )
            #expect(flag.errorText.contains("'agent.trust_bundle_path' is '/nowhere/else'"), "\(flag.errorText)")
            let same = try await self.run(run + ["--join-token", "t", "--join-token-file", "/nowhere"])
            #expect(
                same.errorText == "signet: 'agent.join_token' and 'agent.join_token_file': give one of them\n")
            #expect(same.status == 2)
        }
    }

    @Test("config validate takes a file from standard input and counts the environment, as a start would")
    func validateAsStarted() async throws {
        let server = "server:\n  trust_domain: example.org\n  limits:\n    # all of them are commented out\n"
        let validate = ["config", "validate", "--config", "-"]
        let valid = try await runProcess(Self.signet, validate, input: Array(server.utf8), environment: [:])
        #expect(valid.outputText == "-: valid\n", "\(valid.errorText)")
        let environment = ["SIGNET_SERVER_BIND_PORT": "2x"]
        let invalid = try await runProcess(Self.signet, validate, input: Array(server.utf8), environment: environment)
        #expect(invalid.status == 2)
        #expect(invalid.errorText.hasPrefix("signet: 'server.bind_port' is '2x'"), "\(invalid.errorText)")
        let agent = "agent:\n  trust_domain: example.org\n  server_address: a.example\n"
        let token = try await runProcess(
            Self.signet, validate, input: Array("\(agent)  join_token_file: \"-\"\n".utf8), environment: [:])
        #expect(token.outputText == "-: valid\n", "\(token.errorText)")
        let twice = try await runProcess(
            Self.signet, validate,
            input: Array("\(agent)  join_token_file: \"-\"\n  trust_bundle_path: \"-\"\n".utf8), environment: [:])
        #expect(
            twice.errorText
                == "signet: 'agent.trust_bundle_path' and 'agent.join_token_file': only one of them can be read from "
                + "standard input\n")
    }

    @Test("levels as SPIRE's files write them", arguments: ["warn", "WARN", "DEBUG", "warning"])
    func levels(name: String) async throws {
        try await self.config("server:\n  trust_domain: example.org\n  log_level: \(name)\n") { path in
            let result = try await self.run(["config", "validate", "--config", path])
            #expect(result.status == 0, "\(result.errorText)")
        }
    }

    @Test("a join token comes from standard input through a pipe")
    func tokenFromStandardInput() async throws {
        try await withTemporaryDirectory { directory in
            // Writable by others: refused after the token was read, before anything starts.
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory.path)
            let agent = "agent run --trust-domain example.org --server-address 127.0.0.1 --join-token-file -"
            let command = "\(Self.signet) \(agent) --data-dir \(directory.path)"
            let full = try await runProcess("/bin/sh", ["-c", "echo token | \(command)"])
            #expect(full.status == 2)
            #expect(full.errorText.contains("is writable by others (mode 777)"), "\(full.errorText)")
            let empty = try await runProcess("/bin/sh", ["-c", "true | \(command)"])
            #expect(empty.status == 2)
            #expect(
                empty.errorText == "signet: 'agent.join_token_file' is '-': expected a file that holds a join token\n")
        }
    }

    @Test(
        "SPIRE's own spellings work",
        arguments: [
            "entry create -spiffeID spiffe://a/b -parentID spiffe://a/c -selector unix:uid:1 -x509SVIDTTL 60 -dns a.b",
            "entry show -spiffeID spiffe://a/b -selector unix:uid:1 -matchSelectorsOn subset",
            "token generate -spiffeID spiffe://a/b -ttl 60",
            "agent list -matchSelectorsOn any -selector a:b",
            "jwt mint -spiffeID spiffe://a/b -audience x",
            "wit mint -spiffeID spiffe://a/b -keyType ec-p384",
        ])
    func spireSpellings(arguments: String) async throws {
        try await withTemporaryDirectory { directory in
            let words = arguments.split(separator: " ").map(String.init)
            let result = try await self.run(words + ["-socketPath", directory.path("no.sock")])
            // Understood: it got as far as looking for the server.
            #expect(result.status == 1, "\(result.errorText)")
            #expect(result.errorText.contains("no socket at"))
        }
    }
}
