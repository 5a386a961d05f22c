import Foundation
import TestSupport
import Testing

@Suite("The settings of the authorization server", .timeLimit(.minutes(1)))
struct OAuthSettingsTests {
    private static let issuer = "issuer: https://tokens.example.org"

    private static func configuration(_ oauth: String, _ more: String = "") -> String {
        "server:\n  trust_domain: example.org\n\(more)  oauth: {\(oauth)}\n"
    }

    private static func validate(_ oauth: String) async throws -> ProcessOutput {
        try await runProcess(
            CommandLineContract.signet, ["config", "validate", "--config", "-"],
            input: Array(Self.configuration(oauth).utf8), environment: [:])
    }

    @Test(
        "what is accepted",
        arguments: [
            "\(issuer)", "\(issuer), bind_address: 127.0.0.1, bind_port: 0",
            "\(issuer), dns_names: \"tokens.example.org, *.tokens.example.org\"",
            "\(issuer), serving_cert_file: /a, serving_key_file: /b",
            "issuer: https://127.0.0.1:8443, serving_cert_file: /a, serving_key_file: /b",
            "\(issuer), minimum_library_version: 1.2.3",
        ])
    func accepted(oauth: String) async throws {
        let result = try await Self.validate(oauth)
        #expect(result.status == 0, "\(result.errorText)")
    }

    @Test(
        "what is refused, with the name of its key",
        arguments: [
            ("dns_names: a.example.org", "'server.oauth.issuer' is required"),
            ("issuer: http://tokens.example.org", "'server.oauth.issuer' is"),
            ("\(issuer), bind_address: localhost", "'server.oauth.bind_address' is 'localhost'"),
            ("\(issuer), bind_port: 65536", "'server.oauth.bind_port' is '65536'"),
            ("\(issuer), serving_cert_file: /a", "'server.oauth.serving_key_file' is required"),
            ("\(issuer), serving_key_file: /a", "'server.oauth.serving_cert_file' is required"),
            (
                "\(issuer), serving_cert_file: /a, serving_key_file: /b, dns_names: a.example.org",
                "'server.oauth.serving_cert_file' and 'server.oauth.dns_names'"
            ),
            ("\(issuer), dns_names: \"a..example.org\"", "'server.oauth.dns_names' is 'a..example.org'"),
            ("issuer: https://127.0.0.1:8443", "'server.oauth.serving_cert_file' is required"),
            ("\(issuer), minimum_library_version: 1.2", "'server.oauth.minimum_library_version' is '1.2'"),
        ])
    func refused(oauth: String, message: String) async throws {
        let result = try await Self.validate(oauth)
        #expect(result.status == 2)
        #expect(result.errorText.contains(message), "\(result.errorText)")
    }

    /// Runs a server that is expected to end by itself.
    private static func start(_ oauth: String, in directory: TemporaryDirectory) async throws -> ProcessOutput {
        let more =
            "  data_dir: \(directory.path("data"))\n  socket_path: \(directory.path("server/api.sock"))\n"
            + "  bind_address: 127.0.0.1\n  bind_port: 0\n  log_level: critical\n"
        let file = try directory.write(Array(Self.configuration(oauth, more).utf8), to: "server.yaml")
        return try await runProcess(CommandLineContract.signet, ["server", "run", "--config", file])
    }

    @Test("a server whose certificate cannot be read, or is none, does not start and says so")
    func unusableFiles() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("missing.crt")
            let missing = try await Self.start(
                "\(Self.issuer), serving_cert_file: \(path), serving_key_file: \(path)", in: directory)
            #expect(missing.status == 1)
            #expect(missing.errorText == "signet: cannot open '\(path)': No such file or directory\n")
        }
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array("nothing".utf8), to: "tls.crt")
            let unusable = try await Self.start(
                "\(Self.issuer), serving_cert_file: \(path), serving_key_file: \(path)", in: directory)
            #expect(unusable.status == 1)
            #expect(unusable.errorText == "signet: the certificate file has no certificate in PEM\n")
        }
    }

    @Test("a server whose serving key others may read does not start and says so", arguments: [0o640, 0o604, 0o660])
    func looseKey(mode: Int) async throws {
        try await withTemporaryDirectory { directory in
            let certificate = try directory.write(Array("nothing".utf8), to: "tls.crt", mode: 0o644)
            let key = try directory.write(Array("nothing".utf8), to: "tls.key", mode: mode)
            let output = try await Self.start(
                "\(Self.issuer), serving_cert_file: \(certificate), serving_key_file: \(key)", in: directory)
            #expect(output.status == 1)
            #expect(
                output.errorText
                    == "signet: '\(key)' has mode 0\(String(mode, radix: 8)); at most 0600 is accepted\n")
        }
    }

    @Test("a server whose HTTPS address is not of this machine does not start and says so")
    func unboundAddress() async throws {
        try await withTemporaryDirectory { directory in
            let output = try await Self.start(
                "\(Self.issuer), bind_address: 192.0.2.1, bind_port: 8443", in: directory)
            #expect(output.status == 1)
            #expect(output.errorText.contains("cannot listen at 192.0.2.1:8443"), "\(output.errorText)")
        }
    }
}
