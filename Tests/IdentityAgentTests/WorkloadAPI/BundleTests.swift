import FoundationEssentials
import GRPCCore
import JOSE
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos
import X509

@Suite("FetchX509Bundles and FetchJWTBundles", .timeLimit(.minutes(1)))
struct BundleTests {
    @Test("WAPI-21, WAPI-31: the agent's own trust domain is there, as concatenated DER")
    func x509() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509Bundles)
            #expect(response.bundles == ["spiffe://example.org": Data(plane.authority.certificate.derBytes)])
        }
    }

    @Test("WAPI-43, WAPI-44: the JWK set of the own trust domain has its JWT keys and no others")
    func jwt() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchJWTBundles)
            #expect(response.bundles.keys.sorted() == ["spiffe://example.org"])
            let document = try JSON.parse(
                Array(try #require(response.bundles["spiffe://example.org"])), maxBytes: 10_000)
            let keys = try #require(document.object?["keys"]?.array)
            #expect(keys.map { $0.object?["kid"] } == [.string(plane.authority.tokens.jwtKeyID)])
            #expect(keys.allSatisfy { $0.object?["x5c"] == nil })
        }
    }

    @Test("WAPI-43: a trust domain without JWT keys has an empty JWK set")
    func emptyJWT() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.bundle = TrustBundle(
                trustDomain: $0.bundle.trustDomain, x509Authorities: $0.bundle.x509Authorities, sequenceNumber: 2)
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchJWTBundles)
            #expect(response.bundles == ["spiffe://example.org": Data(#"{"keys":[]}"#.utf8)])
        }
    }

    @Test("WAPI-32, WAPI-45: a process that nobody registered gets no bundles")
    func unregistered() async throws {
        try await withServingAgent { agent, _ async throws in
            let x509 = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchX509Bundles)
            }
            let jwt = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchJWTBundles)
            }
            #expect(x509?.code == .permissionDenied)
            #expect(jwt?.code == .permissionDenied)
        }
    }

    @Test("FED-20: an identity that federates gets the bundle of the other trust domain, in all three streams")
    func federated() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test", now: Date())
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a", federatesWith: ["foreign.test", "unknown.test"])]
            $0.federated = [foreign.bundle]
        }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let response = try await stream.next { !$0.federatedBundles.isEmpty }
                #expect(
                    response.federatedBundles == ["spiffe://foreign.test": Data(foreign.certificate.derBytes)])
            }
            let x509 = try await agent.first(WorkloadAPIMethods.fetchX509Bundles)
            #expect(x509.bundles.keys.sorted() == ["spiffe://example.org", "spiffe://foreign.test"])
            let jwt = try await agent.first(WorkloadAPIMethods.fetchJWTBundles)
            #expect(jwt.bundles.keys.sorted() == ["spiffe://example.org", "spiffe://foreign.test"])
        }
    }

    @Test("a bundle that cannot be read is refused whole; the last one stays in force")
    func brokenBundle() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            plane.script {
                $0.sequence += 1
                $0.bundle = TrustBundle(trustDomain: $0.bundle.trustDomain, sequenceNumber: 2)
                $0.entries.append(.entry("b", "/b"))
            }
            try await agent.watchingX509SVIDs { stream async throws in
                let response = try await stream.next { $0.svids.count == 2 }
                #expect(response.svids.first?.bundle == Data(plane.authority.certificate.derBytes))
            }
        }
    }
}
