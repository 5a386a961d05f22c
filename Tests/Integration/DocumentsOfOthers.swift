import Foundation
import SPIFFE
import SPIFFETesting
import TestSupport
import Testing

@Suite("X509-SVIDs, JWT-SVIDs and bundles of ours and of others", .timeLimit(.minutes(2)))
struct DocumentsOfOthers {
    private struct Judged: Decodable, Equatable {
        let x509: String
        let jwt: String
        let sub: String
    }

    private static func run(_ command: String, _ folder: TemporaryDirectory) async throws -> ProcessOutput {
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        let result = try await runProcess(
            Programs.python, ["\(Programs.root)/Tests/Interop/documents.py", command, folder.path])
        guard result.status == 0 else { throw Deployment.Failure(description: result.errorText) }
        return result
    }

    @Test("py-spiffe, cryptography, joserfc, PyJWT and openssl accept what the library's authority issues")
    func ours() async throws {
        let folder = try TemporaryDirectory()
        let ca = try await TestCA(trustDomain: "example.org")
        let svid = try ca.x509SVID("/web")
        try folder.write(svid.certificatesDER, to: "chain.der")
        try folder.write(svid.privateKeyPKCS8DER, to: "key.der")
        try folder.write(ca.bundle.x509AuthoritiesDER(), to: "roots.der")
        try folder.write(ca.bundle.jwtKeySet(), to: "keys.json")
        try folder.write(ca.bundle.document(), to: "bundle.json")
        try folder.write(Array(try ca.jwtSVID("/web", audience: ["db"]).utf8), to: "token")
        let judged = try JSONDecoder().decode(Judged.self, from: Data(try await Self.run("verify", folder).output))
        let web = "spiffe://example.org/web"
        #expect(judged == Judged(x509: web, jwt: web, sub: web))

        for name in ["chain", "roots"] {
            let converted = try await runProcess(
                "openssl", ["x509", "-in", folder.path("\(name).der"), "-out", folder.path("\(name).pem")])
            #expect(converted.status == 0, "\(converted.errorText)")
        }
        for purpose in ["sslserver", "sslclient"] {
            let verified = try await runProcess(
                "openssl",
                [
                    "verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder.path("roots.pem"),
                    folder.path("chain.pem"),
                ])
            #expect(verified.outputText == "\(folder.path("chain.pem")): OK\n", "\(verified.errorText)")
        }
    }

    private struct JudgedWIT: Decodable, Equatable {
        let sub: String
        let alg: String
    }

    private static let scope = Result { try WorkloadProofScope(target: "https://reports.example.org/a") }

    @Test("joserfc verifies a minted WIT-SVID by the published bundle, and its proof by the key in it")
    func oursWIT() async throws {
        let deployment = try Deployment(server: ["wit_svid": "true"])
        let server = try await deployment.startServer()
        let folder = deployment.directory
        try folder.write(try await deployment.signet("bundle", "show", "--format", "spiffe").output, to: "bundle.json")
        for (type, algorithm) in [("ec-p256", "ES256"), ("ec-p384", "ES384")] {
            try await deployment.signet(
                "wit", "mint", "--spiffe-id", deployment.id("/web"), "--key-type", type, "--write", folder.path)
            func text(_ name: String) throws -> String {
                String(decoding: try folder.read(name), as: UTF8.self).trimmingCharacters(in: .newlines)
            }
            let svid = try WITSVID(receivedFromWorkloadAPI: text("svid.wit"), privateKeyJWK: text("key.jwk"))
            let presentation = try svid.presentation(for: Self.scope.get(), now: Date())
            try folder.write(Array(presentation.identityToken.utf8), to: "wit")
            try folder.write(Array(presentation.proofToken.utf8), to: "proof")
            let judged = try JSONDecoder().decode(
                JudgedWIT.self, from: Data(try await Self.run("verify-wit", folder).output))
            #expect(judged == JudgedWIT(sub: deployment.id("/web"), alg: algorithm))
            for name in ["svid.wit", "key.jwk", "bundle.jwks"] {
                try FileManager.default.removeItem(atPath: folder.path(name))
            }
        }
        #expect(await server.stop() == 0)
    }

    @Test("the library accepts WIT-SVIDs and proofs of joserfc, and shows them itself with its keys")
    func othersWIT() async throws {
        let folder = try TemporaryDirectory()
        _ = try await Self.run("make-wit", folder)
        let scope = try Self.scope.get()
        let bundle = try TrustBundle(
            parsing: folder.read("wit-bundle.json"), trustDomain: TrustDomain(parsing: "example.org"))
        #expect(bundle.witAuthorities.count == 1)
        func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }
        func validate(_ token: String, _ proof: String) throws -> VerifiedWITSVID {
            try VerifiedWITSVID.validate(
                token, proof: proof, for: scope, bundles: TrustBundles([bundle]), now: Date())
        }
        for (algorithm, other) in [("ES256", "ES384"), ("ES384", "RS256"), ("RS256", "PS512"), ("PS512", "ES256")] {
            let token = try text("wit-\(algorithm)")
            let verified = try validate(token, text("proof-\(algorithm)"))
            #expect(verified.id.uri == "spiffe://example.org/web")
            #expect(verified.proof.id == "of \(algorithm)")
            #expect(throws: WITSVIDError.self) { try validate(token, text("proof-\(other)")) }
            let own = try WITSVID(receivedFromWorkloadAPI: token, privateKeyJWK: text("key-\(algorithm).json"))
            let shown = try own.presentation(for: scope, now: Date())
            #expect(try validate(shown.identityToken, shown.proofToken).confirmation == verified.confirmation)
        }
    }

    @Test("the library accepts X509-SVIDs of cryptography and openssl, and bundles and JWT-SVIDs of joserfc")
    func others() async throws {
        let folder = try TemporaryDirectory()
        _ = try await Self.run("make", folder)
        let trustDomain = try TrustDomain(parsing: "example.org")
        let web = try SPIFFEID(trustDomain: trustDomain, path: "/web")
        for (maker, other) in [("cryptography", "openssl"), ("openssl", "cryptography")] {
            let chain = try TrustBundle.parseCertificates(concatenatedDER: folder.read("\(maker)-chain.der"))
            let roots = try TrustBundle.parseCertificates(concatenatedDER: folder.read("\(maker)-roots.der"))
            let bundles = TrustBundles([TrustBundle(trustDomain: trustDomain, x509Authorities: roots)])
            #expect(try VerifiedX509SVID.validate(chain, bundles: bundles, now: Date()).id == web)
            let svid = try X509SVID(
                certificatesDER: folder.read("\(maker)-chain.der"),
                privateKeyPKCS8DER: folder.read("\(maker)-key.der"))
            #expect(svid.id == web)
            let strangers = try TrustBundle.parseCertificates(concatenatedDER: folder.read("\(other)-roots.der"))
            let others = TrustBundles([TrustBundle(trustDomain: trustDomain, x509Authorities: strangers)])
            #expect(throws: X509SVIDError.self) { try VerifiedX509SVID.validate(chain, bundles: others, now: Date()) }
        }

        let bundle = try TrustBundle(parsing: folder.read("bundle.json"), trustDomain: trustDomain)
        #expect(bundle.skipped == [])
        for algorithm in ["ES256", "ES384", "RS256", "PS512"] {
            let token = String(decoding: try folder.read("token-\(algorithm)"), as: UTF8.self)
            let bundles = TrustBundles([bundle])
            #expect(try JWTSVID.validate(token, audience: "db", bundles: bundles, now: Date()).id == web)
            #expect(throws: JWTSVIDError.self) {
                try JWTSVID.validate(token, audience: "cache", bundles: bundles, now: Date())
            }
        }
    }
}
