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

@Suite("minting SVIDs", .timeLimit(.minutes(1)))
struct MintingTests {
    private func mint(
        _ plane: ControlPlaneUnderTest, _ csr: Data, ttl: Int32 = 0
    ) async throws -> Spire_Api_Types_X509SVID {
        try await plane.local {
            try await $0.call(
                SVIDMethods.mintX509SVID,
                .with {
                    $0.csr = csr; $0.ttl = ttl
                }
            ).svid
        }
    }

    @Test(
        "an X509-SVID has the SPIFFE ID and DNS names of the request, and lives as long as asked",
        arguments: KeyType.svidTypes)
    func x509(type: KeyType) async throws {
        try await withControlPlane { plane async throws in
            let key = try KeyPair.generate(type)
            let csr = try makeCSR(key, id: plane.id("/web"), dnsNames: ["web.example.org"])
            let svid = try await self.mint(plane, csr, ttl: 90)
            let identity = try TestIdentity(key: key, svid: svid, bundles: plane.bundles)
            #expect(identity.id.uri == "spiffe://example.org/web")
            #expect(svid.id == .init("/web"))
            #expect(svid.expiresAt == Int64(plane.time.now.timeIntervalSince1970) + 90)
            let names = try #require(try identity.svid.certificates[0].extensions.subjectAlternativeNames)
            #expect(names.contains(.dnsName("web.example.org")))
            _ = try VerifiedX509SVID.validate(
                identity.svid.certificates, bundles: plane.bundles, now: plane.time.now)
        }
    }

    @Test("without a lifetime the default counts, and one beyond the authority's is cut")
    func lifetimes() async throws {
        try await withControlPlane { plane async throws in
            let csr = try makeCSR(id: plane.id("/web"))
            let now = Int64(plane.time.now.timeIntervalSince1970)
            #expect(try await self.mint(plane, csr).expiresAt == now + 3_600)
            let authority = plane.authority.state.current.x509
            #expect(
                try await self.mint(plane, csr, ttl: .max).expiresAt
                    == Int64(authority.notAfter.timeIntervalSince1970))
        }
    }

    @Test("a request that names no single workload of the trust domain is refused")
    func refusedRequests() async throws {
        try await withControlPlane { plane async throws in
            let cases = [
                (Data(), "missing CSR"),
                (try makeCSR(), "CSR URI SAN is required"),
                (
                    try makeCSR(id: plane.id("/spire/server")),
                    "CSR URI SAN is invalid: \"spiffe://example.org/spire/server\" is in the reserved namespace /spire"
                ),
                (
                    try makeCSR(id: SPIFFEID(parsing: "spiffe://other.org/web")),
                    "CSR URI SAN is invalid: \"spiffe://other.org/web\" is not a member of trust domain \"example.org\""
                ),
                (
                    try makeCSR(id: SPIFFEID(parsing: "spiffe://example.org")),
                    "CSR URI SAN is invalid: \"spiffe://example.org\" has no path"
                ),
                (
                    try makeCSR(id: plane.id("/web"), dnsNames: ["*.x.org", "a.x.org"]),
                    "CSR DNS name contains a wildcard that covers another non-wildcard name: *.x.org, a.x.org"
                ),
                (
                    try makeCSR(id: plane.id("/web"), dnsNames: (0...100).map { "n\($0).org" }),
                    "CSR has too many DNS names: 101, at most 100"
                ),
            ]
            for (csr, message) in cases {
                #expect(try await refusal { try await self.mint(plane, csr) } == Refusal(.invalidArgument, message))
            }
            let csr = try makeCSR(id: plane.id("/web"))
            #expect(
                try await refusal { try await self.mint(plane, csr, ttl: -1) }
                    == Refusal(.invalidArgument, "ttl is negative"))
        }
    }

    @Test("a JWT-SVID is valid for its audience, against the bundle")
    func jwt() async throws {
        try await withControlPlane { plane async throws in
            let reply = try await plane.local {
                try await $0.call(
                    SVIDMethods.mintJWTSVID,
                    .with {
                        $0.id = .init("/web")
                        $0.audience = ["payments", "orders"]
                        $0.ttl = 60
                    })
            }.svid
            let svid = try JWTSVID.validate(
                reply.token, audience: "orders", bundles: plane.bundles, now: plane.time.now)
            #expect(svid.id.uri == "spiffe://example.org/web")
            #expect(svid.audience == ["payments", "orders"])
            #expect(reply.id == .init("/web"))
            #expect(reply.issuedAt == Int64(plane.time.now.timeIntervalSince1970))
            #expect(reply.expiresAt == reply.issuedAt + 60)
            #expect(!plane.log.text.contains(reply.token))
        }
    }

    @Test(
        "a JWT-SVID without an audience, or of no workload, is refused",
        arguments: [
            Case("at least one audience is required") { $0.audience = [] },
            Case("at least one audience is required") { $0.audience = [""] },
            Case("an audience is longer than 2048 bytes") { $0.audience = [String(repeating: "x", count: 2_049)] },
            Case("too many audiences: 65, at most 64") { $0.audience = Array(repeating: "x", count: 65) },
            Case("ttl is negative") { $0.ttl = -1 },
            Case("invalid SPIFFE ID: request must specify SPIFFE ID") { $0.clearID() },
            Case("invalid SPIFFE ID: \"spiffe://example.org/spire/server\" is in the reserved namespace /spire") {
                $0.id = .init("/spire/server")
            },
        ] as [Case<Spire_Api_Server_Svid_V1_MintJWTSVIDRequest>])
    func refusedJWT(_ example: Case<Spire_Api_Server_Svid_V1_MintJWTSVIDRequest>) async throws {
        try await withControlPlane { plane async throws in
            var request = Spire_Api_Server_Svid_V1_MintJWTSVIDRequest.with {
                $0.id = .init("/web")
                $0.audience = ["a"]
            }
            example.change(&request)
            let refused = try await refusal {
                try await plane.local { [request] in try await $0.call(SVIDMethods.mintJWTSVID, request) }
            }
            #expect(refused == Refusal(.invalidArgument, example.message))
        }
    }

    @Test("an administrator's SVID works over TCP until its entry is no longer admin")
    func adminOverTCP() async throws {
        try await withControlPlane { plane async throws in
            let admin = try await plane.newAdmin()
            try await plane.remote(as: admin) { client async throws in
                #expect(try await client.call(EntryMethods.countEntries, .init()).count == 1)
                let entry = try await client.call(EntryMethods.listEntries, .init()).entries[0]
                _ = try await client.call(
                    EntryMethods.batchUpdateEntry,
                    .with {
                        $0.entries = [.with { $0.id = entry.id }]
                        $0.inputMask.admin = true
                    })
                #expect(
                    try await refusal { try await client.call(EntryMethods.countEntries, .init()) }
                        == Refusal(
                            .permissionDenied,
                            "authorization denied for method \(EntryMethods.countEntries.path)"))
            }
        }
    }
}
