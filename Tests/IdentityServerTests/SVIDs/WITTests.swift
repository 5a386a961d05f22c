import Authority
import ControlPlaneProtos
import Crypto
import FoundationEssentials
import GRPCCore
import IdentityServer
import JOSE
import KeyManagement
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("WIT-SVIDs of the control plane", .timeLimit(.minutes(1)))
struct WITTests {
    private static let on = HarnessSettings(witKeyType: .ecP256)
    private static let key = P256.Signing.PrivateKey()
    private static var publicKey: Data { Data(PublicKey(self.key.publicKey).subjectPublicKeyInfoDER) }

    private static func verified(_ token: String, _ plane: ControlPlaneUnderTest) throws -> VerifiedWITSVID {
        let svid = try WITSVID(receivedFromWorkloadAPI: token, privateKeyJWK: TestAuthority.privateJWK(self.key))
        let scope = try WorkloadProofScope(target: "https://a/b")
        let presentation = try svid.presentation(for: scope, now: plane.time.now)
        return try VerifiedWITSVID.validate(
            presentation.identityToken, proof: presentation.proofToken, for: scope, bundles: plane.bundles,
            now: plane.time.now)
    }

    private func mint(
        _ plane: ControlPlaneUnderTest, path: String = "/web", publicKey: Data = Self.publicKey, ttl: Int32 = 0,
        algorithm: String = ""
    ) async throws -> Spire_Api_Types_WITSVID {
        try await plane.local {
            try await $0.call(
                SVIDMethods.mintWITSVID,
                .with {
                    $0.id = .init(path)
                    $0.publicKey = publicKey
                    $0.ttl = ttl
                    $0.signingAlgorithm = algorithm
                }
            ).svid
        }
    }

    @Test("WIT-12: a minted token is bound to the key of the request, and valid with a proof against the bundle")
    func minted() async throws {
        try await withControlPlane(Self.on) { plane async throws in
            let now = Int64(plane.time.now.timeIntervalSince1970)
            let svid = try await self.mint(plane, ttl: 90, algorithm: "ES256")
            let verified = try Self.verified(svid.token, plane)
            #expect(verified.id.uri == "spiffe://example.org/web")
            #expect(verified.confirmation.publicKey == PublicKey(Self.key.publicKey))
            #expect(svid.id == .init("/web"))
            #expect(svid.issuedAt == now)
            #expect(svid.expiresAt == now + 90)
            #expect(try await self.mint(plane).expiresAt == now + 3_600)
        }
    }

    @Test("WIT-12, WIT-38: without a key, and with an algorithm that is none or not the key's, nothing is minted")
    func refusedKeys() async throws {
        try await withControlPlane(Self.on) { plane async throws in
            for (key, algorithm, message) in [
                (Data(), "", "missing public key"),
                (Data([1, 2]), "", "public key is malformed, or of a kind that signs no proofs"),
                (Self.publicKey, "EdDSA", "unsupported signing algorithm"),
                (Self.publicKey, "ES384", "signing algorithm does not match the public key"),
            ] {
                #expect(
                    try await refusal {
                        try await self.mint(plane, publicKey: key, algorithm: algorithm)
                    } == Refusal(.invalidArgument, message))
            }
            #expect(
                try await refusal { try await self.mint(plane, ttl: -1) }
                    == Refusal(.invalidArgument, "ttl is negative"))
            #expect(try await refusal { try await self.mint(plane, path: "/spire/x") }.code == .invalidArgument)
        }
    }

    @Test("each item of an agent's batch is signed or refused alone")
    func batch() async throws {
        try await withControlPlane(Self.on) { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(
                makeEntry("/web", parent: agent.id.path) {
                    $0.id = "web"
                    $0.x509SvidTtl = 120
                    $0.hint = "internal"
                })
            try await plane.createEntry(makeEntry("/api", parent: agent.id.path) { $0.id = "api" })
            try await plane.createEntry(makeEntry("/other", parent: "/elsewhere") { $0.id = "other" })
            let items: [(String, Data, String)] = [
                ("web", Self.publicKey, "ES256"), ("other", Self.publicKey, ""), ("", Self.publicKey, ""),
                ("api", Data(), ""), ("api", Self.publicKey, "RS256"), ("api", Self.publicKey, ""),
            ]
            let reply = try await plane.remote(as: agent) { client async throws in
                try await client.call(
                    SVIDMethods.batchNewWITSVID,
                    .with {
                        $0.params = items.map { id, key, algorithm in
                            .with {
                                $0.entryID = id
                                $0.publicKey = key
                                $0.signingAlgorithm = algorithm
                            }
                        }
                    })
            }
            #expect(
                reply.results.map { "\($0.status.code) \($0.status.message)" } == [
                    "0 OK", "5 entry not found or not authorized", "3 missing entry ID", "3 missing public key",
                    "3 signing algorithm does not match the public key", "0 OK",
                ])
            #expect(try Self.verified(reply.results[0].svid.token, plane).id.uri == "spiffe://example.org/web")
            #expect(reply.results[0].svid.hint == "internal")
            let now = Int64(plane.time.now.timeIntervalSince1970)
            #expect(reply.results.map(\.svid.expiresAt) == [now + 120, 0, 0, 0, 0, now + 3_600])
        }
    }

    @Test("a batch above the limit, or without items, is refused as a whole")
    func batchLimit() async throws {
        try await withControlPlane(Self.on) { plane async throws in
            try await plane.remote(as: plane.newAgent()) { client async throws in
                #expect(
                    try await refusal { try await client.call(SVIDMethods.batchNewWITSVID, .init()) }
                        == Refusal(.invalidArgument, "missing parameters"))
                #expect(
                    try await refusal {
                        try await client.call(
                            SVIDMethods.batchNewWITSVID, .with { $0.params = Array(repeating: .init(), count: 501) })
                    } == Refusal(.invalidArgument, "too many WIT-SVIDs in one batch: 501, at most 500"))
            }
        }
    }

    @Test("WIT-48, WIT-49: the bundle has the authority, and a mask leaves it out")
    func bundle() async throws {
        try await withControlPlane(Self.on) { plane async throws in
            let (whole, masked) = try await plane.local { client async throws in
                (
                    try await client.call(BundleMethods.getBundle, .init()),
                    try await client.call(BundleMethods.getBundle, .with { $0.outputMask = .init() })
                )
            }
            let authority = try #require(plane.authority.state.current.wit)
            #expect(whole.witAuthorities.map(\.keyID) == [authority.keyID])
            #expect(
                whole.witAuthorities.map { Array($0.publicKey) } == [authority.key.publicKey.subjectPublicKeyInfoDER])
            #expect(whole.witAuthorities.map(\.expiresAt) == [Int64(authority.expiresAt.timeIntervalSince1970)])
            #expect(masked.witAuthorities == [])
        }
    }

    @Test("STB-01: unless WIT-SVIDs are switched on both methods are UNIMPLEMENTED, and the bundle has no key for them")
    func off() async throws {
        try await withControlPlane { plane async throws in
            #expect(try await refusal { try await self.mint(plane) }.code == .unimplemented)
            try await plane.remote(as: plane.newAgent()) { client async throws in
                #expect(
                    try await refusal { try await client.call(SVIDMethods.batchNewWITSVID, .init()) }.code
                        == .unimplemented)
            }
            let bundle = try await plane.local { try await $0.call(BundleMethods.getBundle, .init()) }
            #expect(bundle.witAuthorities == [])
        }
    }

    @Test("a default lifetime that the authorities cannot always grant stops the start")
    func longLifetime() async throws {
        let settings = HarnessSettings(witSVIDTTL: .seconds(5 * 3_600), witKeyType: .ecP256)
        await #expect(throws: IdentityServerError.self) { try await withControlPlane(settings) { _ in } }
    }
}
