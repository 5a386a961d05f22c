import Foundation
import TestSupport
import Testing

@Suite("OAuth clients and token validators written by others", .timeLimit(.minutes(3)))
struct OAuthClientsOfOthers {
    /// A control plane at its most verbose with an authorization server at `https://localhost:PORT`, two services, and
    /// what is granted to `/orders`.
    private static func deployment(_ more: String = "") async throws -> (Deployment, RunningProgram, issuer: String) {
        let port = try FreePort.find()
        let issuer = "https://localhost:\(port)"
        let deployment = try Deployment(server: [
            "oauth": "{issuer: \"\(issuer)\", bind_address: 127.0.0.1, bind_port: \(port)\(more)}",
            "log_level": "trace",
        ])
        return (deployment, try await deployment.startServer(), issuer)
    }

    private static func grant(_ deployment: Deployment) async throws {
        for (service, binding) in [("payments", "identity"), ("vault", "certificate")] {
            try await deployment.signet(
                "service", "create", "--name", service, "--spiffe-id", deployment.id("/\(service)"), "--owner", "team",
                "--binding", binding)
        }
        for (service, scope) in [("payments", "payments:create"), ("vault", "vault:open")] {
            try await deployment.signet(
                "grant", "create", "--from", deployment.id("/orders"), "--to", service, "--scope", scope, "--reason",
                "test")
        }
    }

    /// Writes an X509-SVID with its key and the bundle into a folder of its name.
    private static func mint(_ name: String, _ deployment: Deployment) async throws {
        let folder = deployment.directory.path(name)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try await deployment.signet("x509", "mint", "--spiffe-id", deployment.id("/\(name)"), "--write", folder)
    }

    private static func writeAssertion(to file: String, audience: String, _ deployment: Deployment) async throws {
        let token = try await deployment.signet(
            "jwt", "mint", "--spiffe-id", deployment.id("/orders"), "--audience", audience)
        try deployment.directory.write(token.output, to: file)
    }

    @Test(
        "authlib and requests-oauthlib get tokens by both SVIDs, PyJWT and joserfc validate them, wrong ones are refused",
        arguments: ["ES256", "RS256", "EdDSA"])
    func libraries(algorithm: String) async throws {
        let (deployment, server, issuer) = try await Self.deployment(", signing_algorithm: \(algorithm)")
        try await Self.grant(deployment)
        for name in ["orders", "payments"] { try await Self.mint(name, deployment) }
        try await Self.writeAssertion(to: "assertion.jwt", audience: issuer, deployment)
        try await Self.writeAssertion(to: "elsewhere.jwt", audience: "https://elsewhere.example.org", deployment)
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        let result = try await runProcess(
            Programs.python,
            ["\(Programs.root)/Tests/Interop/oauth.py", issuer, deployment.directory.path, algorithm])
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")

        #expect(await server.stop() == 0)
        let log = await server.everythingWritten()
        // One line about each of the five tokens, and none of them.
        let text = String(decoding: log, as: UTF8.self)
        #expect(text.split(separator: "\n").count { $0.contains("access token issued") } == 5)
        #expect(text.contains("request refused"))
        #expect(SecretScan(secrets: []).findings(in: log) == [])
    }

    @Test(
        "the certificate of the endpoint is that of its files, and follows them; a pair that does not fit changes nothing"
    )
    func files() async throws {
        let folder = try TemporaryDirectory()
        try await Self.makeCertificate("first", folder)
        let files = ", serving_cert_file: \(folder.path("tls.crt")), serving_key_file: \(folder.path("tls.key"))"
        let (deployment, server, issuer) = try await Self.deployment(files)
        #expect(try await Self.served(by: issuer) == "subject=CN = first\n")

        try await Self.makeCertificate("second", folder, key: "unused.key")
        // The certificate is looked at in intervals; each question is a process, so this never spins.
        while !server.log.contains("serving certificate not replaced") { _ = try await Self.served(by: issuer) }
        #expect(try await Self.served(by: issuer) == "subject=CN = first\n")

        try await Self.makeCertificate("third", folder)
        while !server.log.contains("serving certificate replaced") { _ = try await Self.served(by: issuer) }
        #expect(try await Self.served(by: issuer) == "subject=CN = third\n")

        // A key that others may read is not used, until they may not any more.
        try await Self.makeCertificate("fourth", folder, key: "next.key")
        _ = try folder.write(folder.read("next.key"), to: "tls.key", mode: 0o644)
        while !server.log.contains("has mode 0644; at most 0600 is accepted") {
            _ = try await Self.served(by: issuer)
        }
        #expect(try await Self.served(by: issuer) == "subject=CN = third\n")
        _ = try folder.write(folder.read("next.key"), to: "tls.key", mode: 0o600)
        while try await Self.served(by: issuer) == "subject=CN = third\n" {}
        #expect(try await Self.served(by: issuer) == "subject=CN = fourth\n")
        // Clients are still judged by the trust bundle.
        try await Self.grant(deployment)
        try await Self.mint("orders", deployment)
        let form = "grant_type=client_credentials&client_id=\(deployment.id("/orders"))&audience=payments"
        let request =
            "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n\r\n\(form)"
        let client = try await runProcess(
            "openssl",
            [
                "s_client", "-connect", String(issuer.dropFirst("https://".count)), "-cert",
                deployment.directory.path("orders/svid.pem"), "-key", deployment.directory.path("orders/key.pem"),
                "-quiet", "-ign_eof",
            ], input: Array(request.utf8))
        #expect(client.outputText.contains("200 OK"), "\(client.outputText)\(client.errorText)")
        #expect(await server.stop() == 0)
    }

    private static func makeCertificate(_ name: String, _ folder: TemporaryDirectory, key: String = "tls.key")
        async throws
    {
        let result = try await runProcess(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=\(name)",
                "-addext", "subjectAltName=DNS:localhost", "-days", "1", "-keyout", folder.path(key), "-out",
                folder.path("tls.crt"),
            ])
        guard result.status == 0 else { throw Deployment.Failure(description: result.errorText) }
    }

    /// The subject of the certificate that is served.
    private static func served(by issuer: String) async throws -> String {
        let shown = try await runProcess(
            "openssl", ["s_client", "-connect", String(issuer.dropFirst("https://".count))])
        return try await runProcess("openssl", ["x509", "-noout", "-subject"], input: shown.output).outputText
    }
}
