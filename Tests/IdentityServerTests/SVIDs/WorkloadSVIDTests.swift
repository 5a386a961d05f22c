import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import KeyManagement
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import X509

@Suite("SVIDs for the workloads of an agent", .timeLimit(.minutes(1)))
struct WorkloadSVIDTests {
    @Test("each item of a batch is signed or refused alone")
    func batch() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(
                makeEntry("/web", parent: agent.id.path) {
                    $0.id = "web"
                    $0.x509SvidTtl = 120
                    $0.dnsNames = ["web.example.org"]
                })
            try await plane.createEntry(makeEntry("/api", parent: agent.id.path) { $0.id = "api" })
            try await plane.createEntry(makeEntry("/other", parent: "/elsewhere") { $0.id = "other" })
            let key = try KeyPair.generate(.ecP256)
            let csr = try makeCSR(key, id: plane.id("/admin"), dnsNames: ["evil.example.org"])
            var tampered = csr
            tampered[tampered.endIndex - 1] ^= 1
            let items: [(String, Data)] = [
                ("web", csr), ("other", csr), ("none", csr), ("", csr), ("api", Data()), ("api", tampered),
                ("api", csr),
            ]
            let reply = try await plane.remote(as: agent) { client async throws in
                try await client.call(
                    SVIDMethods.batchNewX509SVID,
                    .with {
                        $0.params = items.map { id, csr in
                            .with {
                                $0.entryID = id; $0.csr = csr
                            }
                        }
                    })
            }
            #expect(
                reply.results.map { "\($0.status.code) \($0.status.message)" } == [
                    "0 OK", "5 entry not found or not authorized", "5 entry not found or not authorized",
                    "3 missing entry ID", "3 missing CSR", "3 invalid CSR signature", "0 OK",
                ])
            let web = try TestIdentity(key: key, svid: reply.results[0].svid, bundles: plane.bundles)
            #expect(web.id.uri == "spiffe://example.org/web")
            #expect(web.svid.notAfter == plane.time.now.addingTimeInterval(120))
            let names = try #require(try web.svid.certificates[0].extensions.subjectAlternativeNames)
            #expect(names.contains(.dnsName("web.example.org")))
            #expect(!names.contains(.dnsName("evil.example.org")))
            #expect(reply.results[6].svid.expiresAt == Int64(plane.time.now.timeIntervalSince1970) + 3_600)
        }
    }

    @Test("a batch above the limit, or without items, is refused as a whole")
    func batchLimit() async throws {
        try await withControlPlane { plane async throws in
            try await plane.remote(as: plane.newAgent()) { client async throws in
                #expect(
                    try await refusal { try await client.call(SVIDMethods.batchNewX509SVID, .init()) }
                        == Refusal(.invalidArgument, "missing parameters"))
                #expect(
                    try await refusal {
                        try await client.call(
                            SVIDMethods.batchNewX509SVID, .with { $0.params = Array(repeating: .init(), count: 501) })
                    } == Refusal(.invalidArgument, "too many X509-SVIDs in one batch: 501, at most 500"))
            }
        }
    }

    @Test("a lifetime beyond the authority's is cut to it and reported")
    func clampedLifetime() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(
                makeEntry("/web", parent: agent.id.path) {
                    $0.id = "web"; $0.x509SvidTtl = 7 * 86_400
                })
            let csr = try makeCSR()
            let reply = try await plane.remote(as: agent) {
                try await $0.call(
                    SVIDMethods.batchNewX509SVID,
                    .with {
                        $0.params = [
                            .with {
                                $0.entryID = "web"; $0.csr = csr
                            }
                        ]
                    })
            }
            let authority = plane.authority.state.current.x509
            #expect(reply.results[0].svid.expiresAt == Int64(authority.notAfter.timeIntervalSince1970))
            #expect(plane.log.text.contains("lifetime shortened to that of the authority"))
        }
    }

    @Test("a JWT-SVID has the entry's identity, hint and lifetime, and an identifier when the entry wants one")
    func jwt() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(
                makeEntry("/web", parent: agent.id.path) {
                    $0.id = "web"
                    $0.jwtSvidTtl = 30
                    $0.hint = "internal"
                    $0.additionalAttributes.jwtSvidIncludeJti = true
                })
            let reply = try await plane.remote(as: agent) {
                try await $0.call(
                    SVIDMethods.newJWTSVID,
                    .with {
                        $0.entryID = "web"; $0.audience = ["a"]
                    })
            }.svid
            let svid = try JWTSVID.validate(reply.token, audience: "a", bundles: plane.bundles, now: plane.time.now)
            #expect(svid.id.uri == "spiffe://example.org/web")
            #expect(reply.hint == "internal")
            #expect(reply.expiresAt == reply.issuedAt + 30)
            #expect(svid.claims["jti"] != nil)
        }
    }

    @Test("a JWT-SVID of an entry that is not the agent's is not found")
    func foreignJWT() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/other", parent: "/elsewhere") { $0.id = "other" })
            try await plane.remote(as: agent) { client async throws in
                for id in ["other", "none", ""] {
                    #expect(
                        try await refusal {
                            try await client.call(
                                SVIDMethods.newJWTSVID,
                                .with {
                                    $0.entryID = id; $0.audience = ["a"]
                                })
                        } == Refusal(.notFound, "entry not found or not authorized"))
                }
            }
        }
    }
}
