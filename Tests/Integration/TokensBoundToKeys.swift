import Foundation
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("Scenario: WIT-SVIDs, from the command line to a peer that validates them", .timeLimit(.minutes(2)))
struct TokensBoundToKeys {
    private static let on = ["wit_svid": "true"]

    /// What a peer does with the token and the key that were written to files.
    private static func verified(
        token: String, key: String, _ bundle: TrustBundle
    ) throws -> (VerifiedWITSVID, WITSVID) {
        let svid = try WITSVID(receivedFromWorkloadAPI: token, privateKeyJWK: key)
        let scope = try WorkloadProofScope(target: "https://reports.example.org/a")
        let now = Date()
        let presentation = try svid.presentation(for: scope, now: now)
        let bundles = TrustBundles([bundle])
        let verified = try VerifiedWITSVID.validate(
            presentation.identityToken, proof: presentation.proofToken, for: scope, bundles: bundles, now: now)
        #expect(throws: WITSVIDError.missingProof) {
            try VerifiedWITSVID.validate(
                presentation.identityToken, proof: nil, for: scope, bundles: bundles, now: now)
        }
        return (verified, svid)
    }

    private static func folder(_ name: String, _ deployment: Deployment) throws -> String {
        let path = deployment.directory.path(name)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    private static func text(_ path: String) throws -> String {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return String(text.dropLast(text.hasSuffix("\n") ? 1 : 0))
    }

    @Test("a workload's token and a minted one validate with a proof against the published bundle, and only so")
    func issued() async throws {
        let deployment = try Deployment(server: Self.on, agent: Self.on)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/web", selector: Deployment.ownSelector)
        let document = try await deployment.signet("bundle", "show", "--format", "spiffe").output
        let bundle = try TrustBundle(parsing: document, trustDomain: TrustDomain(parsing: Deployment.trustDomain))
        #expect(bundle.witAuthorities.count == 1)
        #expect(bundle.skipped.isEmpty)

        let fetched = try Self.folder("fetched", deployment)
        try await deployment.signet("workload", "fetch", "wit", "--write", fetched)
        let (workload, _) = try Self.verified(
            token: Self.text("\(fetched)/svid.0.wit"), key: Self.text("\(fetched)/svid.0.jwk"), bundle)
        #expect(workload.id.uri == deployment.id("/web"))

        let minted = try Self.folder("minted", deployment)
        try await deployment.signet(
            "wit", "mint", "--spiffe-id", deployment.id("/minted"), "--key-type", "ec-p384", "--ttl", "60", "--write",
            minted)
        let (mint, own) = try Self.verified(
            token: Self.text("\(minted)/svid.wit"), key: Self.text("\(minted)/key.jwk"), bundle)
        #expect(mint.id.uri == deployment.id("/minted"))
        #expect(mint.confirmation.algorithm == .es384)
        #expect(own.expiresAt.timeIntervalSince(try #require(own.issuedAt)) == 60)
        let keySet = try Self.text("\(minted)/bundle.jwks")
        let read = try TrustBundle(parsingWITKeySet: Array(keySet.utf8), trustDomain: bundle.trustDomain)
        #expect(read.witAuthorities == bundle.witAuthorities)

        #expect(!server.log.contains("eyJhbGci") && !agent.log.contains("eyJhbGci"))
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    @Test("STB-01: unless they are switched on there are none, at the agent or at the server")
    func off() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/web", selector: Deployment.ownSelector)
        for command in [["workload", "fetch", "wit"], ["wit", "mint", "--spiffe-id", deployment.id("/web")]] {
            let refused = try await deployment.run(command)
            #expect(refused.status == 1)
            #expect(refused.errorText.contains("(unimplemented)"))
        }
        let document = try await deployment.signet("bundle", "show", "--format", "spiffe").outputText
        #expect(!document.contains("wit-svid"))
        _ = (await agent.stop(), await server.stop())
    }
}
