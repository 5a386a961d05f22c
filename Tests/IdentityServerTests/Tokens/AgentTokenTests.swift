import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("access tokens for agents", .timeLimit(.minutes(2)))
struct AgentTokenTests {
    private static let settings = HarnessSettings(issuer: "https://tokens.example.org")

    /// A service `payments`, an agent, its entry `orders`, and a grant from one to the other.
    private func withAgent(
        _ binding: Signet_Server_V1_Binding = .identity, settings: HarnessSettings = Self.settings,
        time: ManualInstants = ManualInstants(),
        _ body: @escaping @Sendable (ControlPlaneUnderTest, TestIdentity) async throws -> Void
    ) async throws {
        try await withControlPlane(settings, time: time) { plane async throws in
            let scopes = ["payments:create", "payments:read"]
            try await body(plane, try await plane.newAgentOfOrders(scopes: scopes, binding: binding))
        }
    }

    @Test("a workload's token has its SPIFFE ID, the audience and the scopes, and verifies with the published key")
    func issue() async throws {
        try await self.withAgent { plane, agent async throws in
            let response = try await plane.remote(as: agent) { client async throws in
                try await client.issue("orders", "payments", ["payments:create"])
            }
            let now = Int64(plane.time.now.timeIntervalSince1970)
            #expect(response.issuedAt == now)
            #expect(response.expiresAt == now + 600)
            #expect(response.scopes == ["payments:create"])
            #expect(response.audience == "spiffe://example.org/payments")
            #expect(!response.certificateBound)
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            let token = try UnverifiedJWT(parsing: response.accessToken)
            #expect(token.type == "at+jwt")
            #expect(token.keyID == key.id)
            let claims = try token.verify(with: key.publicKey)
            #expect(claims["iss"]?.string == "https://tokens.example.org")
            #expect(claims["sub"]?.string == "spiffe://example.org/orders")
            #expect(claims["cnf"] == nil)
            // The keys of access tokens are in no trust bundle.
            #expect(plane.authority.state.current.bundle.jwtAuthorities.allSatisfy { $0.keyID != key.id })
        }
    }

    @Test("without scopes a token has everything that is granted")
    func all() async throws {
        try await self.withAgent { plane, agent async throws in
            let response = try await plane.remote(as: agent) { try await $0.issue("orders", "payments", []) }
            #expect(Set(response.scopes) == ["payments:create", "payments:read"])
        }
    }

    @Test("what is not granted is refused with its reason")
    func refusals() async throws {
        try await self.withAgent { plane, agent async throws in
            let other = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/other", parent: agent.id.path) { $0.id = "other" })
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", ["payments:create", "x"]) }
                        == Refusal(.permissionDenied, "not granted: x"))
                #expect(
                    try await refusal { try await client.issue("other", "payments", []) }
                        == Refusal(.permissionDenied, "no service and no grant names spiffe://example.org/other"))
                #expect(
                    try await refusal { try await client.issue("orders", "nobody", []) }
                        == Refusal(.notFound, "no service has this audience or name"))
                #expect(
                    try await refusal { try await client.issue("orders", "payments", ["a\u{7}"]) }.code
                        == .invalidArgument)
                #expect(
                    try await refusal { try await client.issue("nobody", "payments", []) }
                        == Refusal(.notFound, "entry not found or not authorized"))
                #expect(
                    try await refusal {
                        try await client.issue("orders", "payments", []) { $0.certificateSha256 = Data([1]) }
                    }.code == .invalidArgument)
            }
            // Another agent's workload is none of its business.
            try await plane.remote(as: other) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", []) }
                        == Refusal(.notFound, "entry not found or not authorized"))
            }
        }
    }

    @Test("a service that demands it has tokens that name the certificate, and no others")
    func certificate() async throws {
        try await self.withAgent(.certificate) { plane, agent async throws in
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", []) }.code == .failedPrecondition)
                let bound = try await client.issue("orders", "payments", []) {
                    $0.certificateSha256 = Data(repeating: 0xFF, count: 32)
                }
                #expect(bound.certificateBound)
                let key = try #require(plane.tokenKeys?.state.current.keys.first?.publicKey)
                let claims = try UnverifiedJWT(parsing: bound.accessToken).verify(with: key)
                #expect(
                    claims["cnf"]?.object?["x5t#S256"]?.string == "__________________________________________8")
            }
        }
    }

    @Test("a server without an authorization server says so")
    func without() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.remote(as: agent) { client async throws in
                let expected = Refusal(
                    .unimplemented,
                    "this server issues no access tokens: its configuration has no section oauth")
                #expect(try await refusal { try await client.issue("orders", "payments", []) } == expected)
                let answer = try await refusal {
                    try await client.stream(AccessTokenMethods.watchTokenState, .init()) { responses async throws in
                        for try await _ in responses {}
                    }
                }
                #expect(answer == expected)
            }
        }
    }

    @Test("a stream begins with issuer, keys and position, and lives on heartbeats of five seconds")
    func stream() async throws {
        try await self.withAgent { plane, agent async throws in
            try await plane.watchTokens(as: agent) { states async throws in
                let first = try #require(try await states.next())
                #expect(first.issuer == "https://tokens.example.org")
                #expect(first.full)
                #expect(Array(first.jwkSet) == plane.tokenKeys?.state.current.jwkSet)
                #expect(!first.epoch.isEmpty)
                // The loops of the server (authority, own identity, token keys, pruning), and this stream.
                try await plane.time.waitForSleepers(5)
                plane.time.advance(by: .seconds(5))
                let second = try #require(try await states.next())
                #expect(!second.full)
                #expect(second.jwkSet.isEmpty)
                #expect(second.sequence == first.sequence)
            }
        }
    }

    @Test("other keys are pushed at once")
    func keys() async throws {
        try await self.withAgent { plane, agent async throws in
            try await plane.watchTokens(as: agent) { states async throws in
                _ = try await states.next()
                let rotation = try #require(plane.tokenKeys)
                try await rotation.withdraw(keyID: rotation.state.current.signer.keyID, now: plane.time.now)
                while let state = try await states.next() {
                    guard !state.jwkSet.isEmpty else { continue }
                    #expect(Array(state.jwkSet) == rotation.state.current.jwkSet)
                    return
                }
                Issue.record("the stream ended")
            }
        }
    }

    /// Keys of access tokens end long before anything else does.
    private static let shortKeys = HarnessSettings(
        x509SVIDTTL: .seconds(4 * 3_600), agentTTL: .seconds(4 * 3_600), tokenKeyTTL: .seconds(5_400),
        issuer: "https://tokens.example.org")

    @Test("the clock is set past the end of the key: the request that finds none has another one made at once")
    func expiredKeyIsAskedFor() async throws {
        try await self.withAgent(settings: Self.shortKeys) { plane, agent async throws in
            let before = try #require(plane.tokenKeys).state.current.signer.keyID
            try await plane.time.waitForSleepers(4)
            plane.time.set(to: plane.time.now.addingTimeInterval(5_400))
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", []) }
                        == Refusal(.internalError, "the token could not be signed"))
                // No time passes.
                await plane.log.wait(for: "token keys changed")
                let token = try UnverifiedJWT(
                    parsing: try await client.issue("orders", "payments", []).accessToken)
                #expect(token.keyID == plane.tokenKeys?.state.current.signer.keyID)
                #expect(token.keyID != before)
            }
        }
    }

    @Test("the clock is set past the end of the key: within five seconds there is another, whether it is needed or not")
    func expiredKeyIsNoticed() async throws {
        try await self.withAgent(settings: Self.shortKeys) { plane, agent async throws in
            try await plane.time.waitForSleepers(4)
            plane.time.set(to: plane.time.now.addingTimeInterval(5_400))
            plane.time.advance(by: .seconds(5))
            await plane.log.wait(for: "token keys changed")
            _ = try await plane.remote(as: agent) { try await $0.issue("orders", "payments", []) }
        }
    }

    @Test("a reader that has seen everything is not sent everything; the stream of a banned agent ends")
    func resumes() async throws {
        try await self.withAgent { plane, agent async throws in
            let first = try await plane.watchTokens(as: agent) { try await $0.next() }
            let position = try #require(first)
            let answer = try await refusal {
                try await plane.watchTokens(as: agent, since: (position.epoch, position.sequence)) {
                    states async throws in
                    let state = try #require(try await states.next())
                    #expect(!state.full)
                    #expect(!state.jwkSet.isEmpty)
                    try await plane.local {
                        _ = try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
                    }
                    while try await states.next() != nil {}
                }
            }
            #expect(answer.code == .permissionDenied || answer.code == .unavailable)
        }
    }
}

extension ControlPlaneUnderTest {
    /// Follows the state of tokens as an agent.
    func watchTokens<Result: Sendable>(
        as agent: TestIdentity, since position: (String, UInt64)? = nil,
        _ body: @escaping @Sendable (Messages<Signet_Agent_V1_TokenState>) async throws -> Result
    ) async throws -> Result {
        let request = Signet_Agent_V1_WatchTokenStateRequest.with {
            if let (epoch, sequence) = position {
                $0.epoch = epoch
                $0.sequence = sequence
            }
        }
        return try await self.remote(as: agent) { client async throws in
            try await client.stream(AccessTokenMethods.watchTokenState, request) { responses async throws in
                try await body(Messages(responses))
            }
        }
    }
}

extension GRPCClient {
    func issue(
        _ entryID: String, _ audience: String, _ scopes: [String],
        _ change: (inout Signet_Agent_V1_IssueAccessTokenRequest) -> Void = { _ in }
    ) async throws -> Signet_Agent_V1_IssueAccessTokenResponse {
        var request = Signet_Agent_V1_IssueAccessTokenRequest.with {
            $0.entryID = entryID
            $0.audience = audience
            $0.scopes = scopes
        }
        change(&request)
        return try await self.call(AccessTokenMethods.issueAccessToken, request)
    }
}
