import Foundation
import TestSupport
import Testing

@Suite("Clients and verifiers written by others", .timeLimit(.minutes(3)))
struct ClientsOfOthers {
    private struct Fetched: Decodable {
        let x509: String
        let chain: Int
        let authorities: Int
        let jwt: String
        let token: String
        let keys: [String]
        let validated: String
    }

    private struct Watched: Decodable {
        let serials: [String]
    }

    private static func python(_ arguments: [String], socket: String = "", input: [UInt8] = []) async throws
        -> ProcessOutput
    {
        var environment = ProcessInfo.processInfo.environment
        environment["SPIFFE_ENDPOINT_SOCKET"] = socket
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        return try await runProcess(Programs.python, arguments, input: input, environment: environment)
    }

    private static func pySPIFFE(_ deployment: Deployment, _ arguments: String...) async throws -> Data {
        let script = "\(Programs.root)/Tests/Interop/py_spiffe.py"
        let result = try await Self.python([script] + arguments, socket: deployment.workloadURI)
        guard result.status == 0 else { throw Deployment.Failure(description: result.errorText) }
        return Data(result.output)
    }

    @Test("WEP-20: py-spiffe, which has the socket's address and no more, is refused until registered, then served")
    func pySPIFFEFetches() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let refused = try JSONDecoder().decode(
            [String: String].self, from: try await Self.pySPIFFE(deployment, "refused"))
        #expect(
            refused == [
                "x509": "PERMISSION_DENIED", "x509_bundles": "PERMISSION_DENIED", "jwt": "PERMISSION_DENIED",
                "jwt_bundles": "PERMISSION_DENIED",
            ])

        try await deployment.register("/python", selector: Deployment.ownSelector)
        let audience = deployment.id("/reports")
        let fetched = try JSONDecoder().decode(
            Fetched.self, from: try await Self.pySPIFFE(deployment, "fetch", audience))
        #expect(fetched.x509 == deployment.id("/python"))
        #expect(fetched.chain == 1)
        #expect(fetched.authorities == 1)
        #expect(fetched.jwt == deployment.id("/python"))
        #expect(fetched.keys.count == 1)
        #expect(fetched.validated == deployment.id("/python"))
        _ = (await agent.stop(), await server.stop())
    }

    @Test("py-spiffe holds one watch over three rotations")
    func pySPIFFEWatches() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/python", selector: Deployment.ownSelector, "--x509-svid-ttl", "4")
        let watched = try JSONDecoder().decode(Watched.self, from: try await Self.pySPIFFE(deployment, "watch", "4"))
        #expect(Set(watched.serials).count == 4)
        _ = (await agent.stop(), await server.stop())
    }

    @Test("openssl verifies a minted X509-SVID, and its key is 0600")
    func opensslVerifies() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let folder = deployment.directory.path
        try await deployment.signet(
            "x509", "mint", "--spiffe-id", deployment.id("/minted"), "--dns", "minted.example.org", "--write", folder)
        let verified = try await runProcess(
            "openssl", ["verify", "-purpose", "sslserver", "-CAfile", "\(folder)/bundle.pem", "\(folder)/svid.pem"])
        #expect(verified.outputText == "\(folder)/svid.pem: OK\n")
        #expect(try deployment.directory.mode(of: "key.pem") == 0o600)
        #expect(try deployment.directory.mode(of: "svid.pem") == 0o644)
        let text = try await runProcess(
            "openssl", ["x509", "-in", "\(folder)/svid.pem", "-noout", "-ext", "subjectAltName"])
        #expect(text.outputText.contains("DNS:minted.example.org, URI:\(deployment.id("/minted"))"))
        let matches = try await runProcess("openssl", ["pkey", "-in", "\(folder)/key.pem", "-pubout"])
        let certified = try await runProcess("openssl", ["x509", "-in", "\(folder)/svid.pem", "-noout", "-pubkey"])
        #expect(matches.output == certified.output)
        _ = await server.stop()
    }

    @Test("PyJWT and joserfc verify a minted JWT-SVID from the bundle's JWK set")
    func joseLibrariesVerify() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let bundle = try await deployment.signet("bundle", "show", "--format", "spiffe").outputText
        let token = try await deployment.signet(
            "jwt", "mint", "--spiffe-id", deployment.id("/minted"), "--audience", "reports", "--ttl", "60"
        ).outputText.trimmingCharacters(in: .newlines)
        let script = """
            import json, sys, jwt
            from joserfc import jwt as jose
            from joserfc.jwk import ECKey
            bundle, token = sys.stdin.read().split("\\n", 1)
            token = token.strip()
            key = next(k for k in json.loads(bundle)["keys"] if k["use"] == "jwt-svid")
            header = jwt.get_unverified_header(token)
            assert set(header) == {"alg", "kid", "typ"} and header["kid"] == key["kid"], header
            claims = jwt.decode(token, jwt.PyJWK(key, algorithm="ES256").key, algorithms=["ES256"], audience="reports")
            members = {name: key[name] for name in ("kty", "crv", "x", "y")}
            assert jose.decode(token, ECKey.import_key(members), algorithms=["ES256"]).claims == claims
            try:
                jwt.decode(token, jwt.PyJWK(key, algorithm="ES256").key, algorithms=["ES256"], audience="other")
                raise SystemExit("another audience was accepted")
            except jwt.InvalidAudienceError:
                pass
            print(claims["sub"], claims["aud"], claims["exp"] - claims["iat"])
            """
        let result = try await Self.python(["-c", script], input: Array("\(bundle)\(token)".utf8))
        #expect(result.outputText == "\(deployment.id("/minted")) ['reports'] 60\n", "\(result.errorText)")
        _ = await server.stop()
    }

    @Test("what the running server issues is what pki/profiles says, by other people's parsers")
    func documentsFitProfiles() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let folder = deployment.directory.path
        let id = deployment.id("/minted")
        try await deployment.signet(
            "x509", "mint", "--spiffe-id", id, "--dns", "minted.example.org", "--dns", "*.example.net", "--ttl", "600",
            "--write",
            folder)
        let bundle = try await deployment.signet("bundle", "show", "--format", "spiffe").outputText
        let token = try await deployment.signet(
            "jwt", "mint", "--spiffe-id", id, "--audience", "reports", "--ttl", "60"
        )
        .outputText.trimmingCharacters(in: .newlines)
        let presented = try await runProcess(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(deployment.port)", "-alpn", "h2"])
        try deployment.directory.write(presented.output, to: "server.pem")
        let keyID = try #require(bundle.firstMatch(of: #/"kid":"([^"]+)"/#)).output.1

        let authority = "\(folder)/bundle.pem"
        let comparisons: [[String]] = [
            ["x509", "x509-authority", authority, authority, "spiffe://example.org", "86400"],
            ["x509", "server-svid", "\(folder)/server.pem", authority, deployment.id("/spire/server"), "3600"],
            ["x509", "x509-svid", "\(folder)/svid.pem", authority, id, "600", "minted.example.org", "*.example.net"],
            ["jwt", "jwt-svid", token, String(keyID), id, "60", "reports"],
        ]
        for comparison in comparisons {
            let result = try await Self.python(["\(Programs.root)/Tests/Interop/profile.py"] + comparison)
            #expect(result.status == 0, "\(comparison[1]): \(result.outputText)\(result.errorText)")
        }
        _ = await server.stop()
    }
}
