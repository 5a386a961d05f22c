import Foundation
import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

/// The commands that the other scenarios do not need, against a server and an agent that run.
@Suite("Scenario: every command does what it says", .timeLimit(.minutes(3)))
struct EveryCommand {
    private func withDeployment(_ body: (Deployment) async throws -> Void) async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        try await body(deployment)
        #expect(await server.stop() == 0)
    }

    private func object(_ output: ProcessOutput) throws -> JSONObject {
        guard case .object(let object) = try JSON.parse(output.output, maxBytes: 1_048_576) else {
            throw Deployment.Failure(description: "no object: \(output.outputText)")
        }
        return object
    }

    @Test("x509 mint --output json holds the key, and it is that of the certificate")
    func mintedKey() async throws {
        try await self.withDeployment { deployment in
            let arguments = ["x509", "mint", "--spiffe-id", deployment.id("/minted"), "--output", "json"]
            let output = try await deployment.run(arguments)
            #expect(output.status == 0)
            let reply = try self.object(output)
            #expect(reply.members.map(\.name) == ["svid", "x509_svid", "private_key", "root_cas"])
            guard case .object(let svid)? = reply["svid"], case .array(let chain)? = svid["certChain"],
                case .string(let leafText)? = chain.first, case .string(let keyText)? = reply["private_key"],
                case .array(let roots)? = reply["root_cas"]
            else {
                Issue.record("\(output.outputText)")
                return
            }
            #expect(reply["x509_svid"] == .array(chain))
            let leaf = try Certificate(derEncoded: Base64.decode(leafText))
            let key = try Certificate.PrivateKey(derBytes: Base64.decode(keyText))
            #expect(leaf.publicKey == key.publicKey)
            #expect(roots.count == 1)
        }
    }

    @Test("lifetimes are given in Go's form too, and a shorter one than was asked for is reported")
    func lifetimes() async throws {
        try await self.withDeployment { deployment in
            let x509 = ["x509", "mint", "--spiffe-id", deployment.id("/minted"), "--output", "json"]
            let hour = try await deployment.run(x509 + ["-ttl", "1h"])
            #expect(hour.status == 0)
            #expect(hour.error.isEmpty, "\(hour.errorText)")
            let week = try await deployment.run(x509 + ["-ttl", "168h"])
            #expect(week.status == 0)
            #expect(
                week.errorText.hasPrefix(
                    "signet: the server shortened the lifetime of the X509-SVID: asked for 168h, it expires at 2"),
                "\(week.errorText)")

            let jwt = ["jwt", "mint", "--spiffe-id", deployment.id("/minted"), "--audience", "x", "--output", "json"]
            let token = try await deployment.run(jwt + ["-ttl", "1m30s"])
            #expect(token.error.isEmpty, "\(token.errorText)")
            guard case .object(let svid)? = try self.object(token)["svid"],
                case .string(let issued)? = svid["issuedAt"], case .string(let expires)? = svid["expiresAt"]
            else {
                Issue.record("\(token.outputText)")
                return
            }
            #expect(Int64(expires).map { $0 - 90 } == Int64(issued))
            let long = try await deployment.run(jwt + ["-ttl", "604800"])
            #expect(long.errorText.contains("shortened the lifetime of the JWT-SVID"), "\(long.errorText)")
        }
    }

    @Test("jwt mint --write leaves the token in a file of its own")
    func writtenToken() async throws {
        try await self.withDeployment { deployment in
            let file = deployment.directory.path("token")
            let output = try await deployment.signet(
                "jwt", "mint", "--spiffe-id", deployment.id("/minted"), "--audience", "x", "--write", file)
            #expect(output.output.isEmpty)
            #expect(output.errorText == "Wrote \(file)\n")
            #expect(try deployment.directory.mode(of: "token") == 0o600)
            let token = try String(decoding: deployment.directory.read("token"), as: UTF8.self)
            #expect(token.wholeMatch(of: #/[\w-]+\.[\w-]+\.[\w-]+\n/#) != nil)
        }
    }

    @Test("entry update replaces an entry's content, and entry count counts what a filter leaves")
    func entries() async throws {
        try await self.withDeployment { deployment in
            let create = [
                "entry", "create", "--parent-id", deployment.id("/node"), "--selector", "unix:uid:1", "--output",
                "json",
            ]
            for name in ["one", "two"] {
                let output = try await deployment.run(
                    create + ["--spiffe-id", deployment.id("/\(name)"), "--entry-id", name, "-ttl", "2m"])
                #expect(output.status == 0, "\(output.errorText)")
            }
            #expect(try await deployment.signet("entry", "count").outputText == "2 registration entries\n")

            let updated = try await deployment.signet(
                "entry", "update", "--entry-id", "one", "--parent-id", deployment.id("/node"), "--spiffe-id",
                deployment.id("/new"), "--selector", "unix:uid:2", "--hint", "h")
            #expect(updated.outputText.contains("SPIFFE ID        : \(deployment.id("/new"))\n"))
            #expect(updated.outputText.contains("Revision         : 1\n"))
            #expect(updated.outputText.contains("X509-SVID TTL    : default\n"))
            #expect(updated.outputText.contains("Hint             : h\n"))
            #expect(
                try await deployment.signet("entry", "count", "--selector", "unix:uid:1").outputText
                    == "1 registration entry\n")
            #expect(
                try await deployment.signet("entry", "show", "--entry-id", "two").outputText.contains(
                    "X509-SVID TTL    : 120\n"))

            let missing = try await deployment.run(
                ["entry", "update", "--entry-id", "three"]
                    + ["--parent-id", deployment.id("/node"), "--spiffe-id", deployment.id("/new")]
                    + ["--selector", "unix:uid:2"])
            #expect(missing.status == 1)
            #expect(missing.errorText.hasPrefix("three: "), "\(missing.errorText)")
        }
    }

    @Test("agent list, show, count and evict; a fetched token is valid, and its replies are the same every time")
    func agents() async throws {
        try await self.withDeployment { deployment in
            let agent = try await deployment.startAgent()
            let id = try await deployment.agentID()
            #expect(try await deployment.signet("agent", "list").outputText.hasPrefix("Found 1 attested agent:\n"))
            #expect(try await deployment.signet("agent", "count").outputText == "1 attested agent\n")
            #expect(
                try await deployment.signet("agent", "count", "--attestation-type", "x509pop").outputText
                    == "0 attested agents\n")
            let shown = try await deployment.signet("agent", "show", "--spiffe-id", id).outputText
            #expect(shown.contains("SPIFFE ID        : \(id)\n"))
            #expect(shown.contains("Attestation type : join_token\n"))

            try await deployment.register("/workload", selector: Deployment.ownSelector)
            let fetched = try await deployment.signet(
                "workload", "fetch", "jwt", "--audience", "one,two", "--output", "json")
            guard case .array(let svids)? = try self.object(fetched)["svids"], case .object(let svid)? = svids.first,
                case .string(let token)? = svid["svid"]
            else {
                Issue.record("\(fetched.outputText)")
                return
            }
            let validate = ["workload", "validate", "jwt", "--audience", "two", "--output", "json", "--svid"]
            let valid = try await deployment.run(validate + [token])
            #expect(valid.status == 0, "\(valid.errorText)")
            guard case .object(let claims)? = try self.object(valid)["claims"] else {
                Issue.record("\(valid.outputText)")
                return
            }
            #expect(claims.members.map(\.name) == ["aud", "exp", "iat", "sub"])
            #expect(claims["aud"] == .array([.string("one"), .string("two")]))
            let piped = try await deployment.run(validate + ["-"], input: Array("\(token)\n".utf8))
            #expect(piped.output == valid.output)
            let other = try await deployment.run([
                "workload", "validate", "jwt", "--audience", "three", "--svid", token,
            ])
            #expect(other.status == 1)

            try await deployment.signet("agent", "evict", "--spiffe-id", id)
            #expect(try await deployment.signet("agent", "list").outputText == "No attested agents found\n")
            #expect(await agent.waitForEnd() == 1)
        }
    }
}
