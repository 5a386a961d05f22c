import FoundationEssentials
import GRPCCore
import JOSE
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("ValidateJWTSVID", .timeLimit(.minutes(1)))
struct ValidateJWTSVIDTests {
    private func validate(_ agent: RunningAgent, _ token: String, audience: String = "x") async throws
        -> ValidateJWTSVIDResponse
    {
        try await agent.call(
            WorkloadAPIMethods.validateJWTSVID,
            .with {
                $0.audience = audience
                $0.svid = token
            })
    }

    @Test("WAPI-49, WAPI-51: a valid token's claims are returned; aud is a list, numbers are doubles")
    func valid() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let token = try plane.authority.token(
                id: "spiffe://example.org/b", audience: ["x"], lifetime: .seconds(300),
                claims: ["aud": "x", "role": "admin", "nested": ["deep": [true, nil, 15]]])
            let response = try await self.validate(agent, token)
            #expect(response.spiffeID == "spiffe://example.org/b")
            let fields = response.claims.fields
            #expect(fields["aud"] == Google_Protobuf_Value(listValue: .with { $0.values = ["x"] }))
            #expect(fields["sub"] == "spiffe://example.org/b")
            #expect(fields["role"] == "admin")
            #expect(fields["exp"]?.numberValue == fields["iat"].map { $0.numberValue + 300 })
            #expect(fields["nested"]?.structValue.fields["deep"]?.listValue.values == [true, nil, 15])
        }
    }

    @Test("WAPI-15: an empty audience or token is INVALID_ARGUMENT", arguments: [("", "t"), ("x", "")])
    func missing(audience: String, token: String) async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let error = await #expect(throws: RPCError.self) {
                try await self.validate(agent, token, audience: audience)
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message == (audience.isEmpty ? "audience must be specified" : "svid must be specified"))
        }
    }

    @Test("WAPI-53: a token of another audience, key, time or unknown trust domain is INVALID_ARGUMENT")
    func invalid() async throws {
        let stranger = try TestAuthority(trustDomain: "example.org", now: Date())
        let foreign = try TestAuthority(trustDomain: "foreign.test", now: Date())
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let tokens = [
                try plane.authority.token(
                    id: "spiffe://example.org/b", audience: ["other"], lifetime: .seconds(300)),
                try plane.authority.token(id: "spiffe://example.org/b", audience: ["x"], lifetime: .seconds(-1)),
                try stranger.jwt(sub: "spiffe://example.org/b", aud: ["x"]),
                try foreign.jwt(sub: "spiffe://foreign.test/b", aud: ["x"]), "a.b.c", "nonsense",
            ]
            for token in tokens {
                let error = await #expect(throws: RPCError.self) { try await self.validate(agent, token) }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    @Test("WAPI-50: of a foreign token only the claims that everybody knows are returned")
    func foreignClaims() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test", now: Date())
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a", federatesWith: ["foreign.test"])]
            $0.federated = [foreign.bundle]
        }) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                _ = try await stream.next { !$0.federatedBundles.isEmpty }
            }
            let token = try foreign.jwt(
                sub: "spiffe://foreign.test/b", aud: ["x"], claims: ["role": "admin", "iss": "https://foreign.test"])
            let response = try await self.validate(agent, token)
            #expect(response.spiffeID == "spiffe://foreign.test/b")
            #expect(response.claims.fields.keys.sorted() == ["aud", "exp", "iat", "iss", "sub"])
        }
    }

    @Test("WEP-25: a process that nobody registered may not validate")
    func unregistered() async throws {
        try await withServingAgent { agent, plane async throws in
            let token = try plane.authority.token(
                id: "spiffe://example.org/b", audience: ["x"], lifetime: .seconds(300))
            let error = await #expect(throws: RPCError.self) { try await self.validate(agent, token) }
            #expect(error?.code == .permissionDenied)
        }
    }
}
