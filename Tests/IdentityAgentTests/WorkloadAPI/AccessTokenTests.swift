import ControlPlaneProtos
import Crypto
import FoundationEssentials
import GRPCCore
import IdentityAgent
import JOSE
import ProtoRPC
import Rotation
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("signet.workload.v1.AccessTokens", .timeLimit(.minutes(1)))
struct AccessTokenTests {
    private static let payments = "spiffe://example.org/payments"

    private static func request(
        _ audience: String = payments, scopes: [String] = [], id: String = ""
    ) -> Signet_Workload_V1_FetchAccessTokenRequest {
        .with {
            $0.audience = audience
            $0.scopes = scopes
            $0.spiffeID = id
        }
    }

    private static func state(
        full: Bool = false, more: Bool = false, keys: Bool = false, tokens: [String] = [], sequence: UInt64 = 1,
        age: UInt64 = 0
    ) -> Signet_Agent_V1_TokenState {
        .with { state in
            state.issuer = "https://issuer.example.org"
            state.full = full
            state.more = more
            state.epoch = "e"
            state.sequence = sequence
            state.ageMilliseconds = age
            if keys { state.jwkSet = Data(Self.keySet) }
            state.revocations = tokens.map { token in
                .with {
                    $0.jti = token
                    $0.revokedAt = 1_000
                    $0.expiresAt = 4_000_000_000
                }
            }
        }
    }

    private static let keySet: [UInt8] = {
        let key = JSONWebKey(publicKey: PublicKey(P256.Signing.PrivateKey().publicKey), use: "sig", keyID: "at-1")
        return JSON.serialize(["keys": .array([.object(key.object())])])
    }()

    private static func jtis(_ state: Signet_Workload_V1_TokenState) -> [String] {
        state.revocations.map(\.jti).sorted()
    }

    /// The error with which a token is refused.
    private static func refusal(_ agent: RunningAgent) async -> RPCError? {
        await #expect(throws: RPCError.self) {
            try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, self.request())
        }
    }

    @Test("a workload gets a token for its entry, and the same again until 0.8 of its life")
    func fetched() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
        }) { agent, plane async throws in
            let request = Self.request(scopes: ["payments:create"])
            let first = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, request)
            #expect(first.accessToken == "access-token-1")
            #expect(first.spiffeID == "spiffe://example.org/a")
            #expect(first.audience == Self.payments)
            #expect(first.scopes == ["payments:create"])
            #expect(first.expiresAt - first.issuedAt == 600)
            let second = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, request)
            #expect(second == first)
            #expect(
                plane.calls.values.last { $0.method == "IssueAccessToken" }?.detail
                    == "a spiffe://example.org/payments [payments:create]")
            #expect(plane.count("IssueAccessToken") == 1)
            let other = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, Self.request())
            #expect(other.accessToken == "access-token-2")
        }
    }

    @Test("while the server is away a token that was fetched is served, and another one is UNAVAILABLE")
    func serverAway() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
            // Past 0.8 of its life the server is asked at every call.
            $0.accessTokenLifetime = .seconds(1_000)
        }) { agent, plane async throws in
            let first = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, Self.request())
            plane.script { $0.accessTokenError = .unavailable }
            let second = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, Self.request())
            #expect(second == first)
            let error = await #expect(throws: RPCError.self) {
                try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, Self.request("reports"))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "could not fetch an access token: no access token")
        }
    }

    @Test(
        "a token whose times no clock shows is not taken",
        arguments: [(0, .max), (1_000, 253_402_300_800), (-1, 4_000_000_000), (.min, .max), (1_000, 1_000)]
            as [(Int64, Int64)])
    func impossibleTimes(issuedAt: Int64, expiresAt: Int64) async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
            $0.accessTokenTimes = (issuedAt, expiresAt)
        }) { agent, _ async throws in
            let error = await Self.refusal(agent)
            #expect(error?.code == .unavailable)
            #expect(error?.message.hasSuffix("the server issued an access token that cannot be used") == true)
        }
    }

    @Test("a token that is bound to another certificate than the workload's is not taken, and not asked for on and on")
    func otherCertificate() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.entries = [.entry("a", "/a")]
                $0.issuesAccessTokens = true
                $0.accessTokenKeyID = "at-1"
                $0.accessTokenCertificate = [UInt8](repeating: 7, count: 32)
            }
        ) { agent, plane async throws in
            // Without a certificate of its own the workload's tokens are not bound.
            _ = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            for _ in 1...10 {
                let error = await Self.refusal(agent)
                #expect(error?.message.hasSuffix("the server issued an access token that cannot be used") == true)
            }
            #expect(plane.count("IssueAccessToken") == 1)
        }
    }

    @Test("a token that has expired when it comes is not given out, and the server is asked at growing intervals")
    func expired() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants,
            script: {
                $0.entries = [.entry("a", "/a")]
                $0.issuesAccessTokens = true
                $0.accessTokenIssuedAhead = -600
            }
        ) { agent, plane async throws in
            for _ in 1...10 {
                let error = await Self.refusal(agent)
                #expect(error?.code == .unavailable)
                #expect(error?.message.hasSuffix("that has expired: compare the clocks") == true)
            }
            #expect(plane.count("IssueAccessToken") == 1)
            plane.script { $0.accessTokenIssuedAhead = -599 }
            time.advance(by: .seconds(1))
            _ = try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, Self.request())
        }
    }

    @Test("the workload's library is passed on as far as it can be read; each version of ours has a token of its own")
    func libraries() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
        }) { agent, plane async throws in
            var tokens: [String] = []
            let libraries = [
                "signet-swift/1.2.3", "orders/1 signet-swift/1.2.3", "signet-swift/1.2.4", "orders/1", "orders/2", "",
                "a\u{7}b",
            ]
            for library in libraries {
                var request = Self.request()
                request.library = library
                tokens.append(try await agent.call(WorkloadAccessTokenMethods.fetchAccessToken, request).accessToken)
            }
            #expect(tokens == [1, 1, 2, 3, 3, 3, 3].map { "access-token-\($0)" })
            #expect(
                plane.calls.values.filter { $0.method == "IssueAccessToken" }.map(\.detail)
                    == ["by signet-swift/1.2.3", "by signet-swift/1.2.4", "by orders/1"].map {
                        "a spiffe://example.org/payments [] \($0)"
                    })
        }
    }

    @Test("what the server refuses is refused with its own words")
    func refused() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
            $0.accessTokenError = .permissionDenied
        }) { agent, _ async throws in
            let error = await Self.refusal(agent)
            #expect(error?.code == .permissionDenied)
            #expect(error?.message == "no access token")
        }
    }

    @Test("a server that issues no access tokens is said to be such")
    func unimplemented() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let error = await Self.refusal(agent)
            #expect(error?.code == .unimplemented)
            #expect(error?.message == "the server issues no access tokens")
            let ended = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAccessTokenMethods.watchTokenState)
            }
            #expect(ended?.code == .unimplemented)
        }
    }

    @Test("workloads without identity, without the header, or with a malformed request get no token")
    func denied() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
        }) { agent, plane async throws in
            for (request, metadata, code) in [
                (Self.request(), [:] as Metadata, RPCError.Code.invalidArgument),
                (Self.request(""), RunningAgent.header, .invalidArgument),
                (Self.request(scopes: ["a b"]), RunningAgent.header, .invalidArgument),
                (Self.request(id: "a"), RunningAgent.header, .invalidArgument),
                (Self.request(id: "spiffe://example.org/b"), RunningAgent.header, .permissionDenied),
            ] {
                let error = await #expect(throws: RPCError.self) {
                    try await agent.call(
                        WorkloadAccessTokenMethods.fetchAccessToken, request, metadata: metadata)
                }
                #expect(error?.code == code)
            }
            #expect(plane.count("IssueAccessToken") == 0)
        }
    }

    @Test("the state of tokens is streamed: everything first, then what is added, in pages, with its age")
    func state() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.issuesAccessTokens = true
            $0.tokenStates = [
                Self.state(full: true, more: true, keys: true, tokens: ["a"]),
                Self.state(full: true, tokens: ["b"], age: 60_000),
            ]
        }) { agent, plane async throws in
            try await agent.client.stream(
                WorkloadAccessTokenMethods.watchTokenState, .init(), metadata: RunningAgent.header
            ) { messages in
                var received: [UInt64: Signet_Workload_V1_TokenState] = [:]
                for try await message in messages {
                    // A sign of life between changes has the number of the last one, and nothing else.
                    guard received[message.sequence] == nil else { continue }
                    received[message.sequence] = message
                    switch message.sequence {
                    case 1: plane.script { $0.tokenStates.append(Self.state(tokens: ["c"], sequence: 2)) }
                    case 2:
                        plane.script { $0.tokenStates.append(Self.state(full: true, tokens: ["d"], sequence: 3)) }
                    default: break
                    }
                    if message.sequence == 3 { break }
                }
                let first = try #require(received[1])
                #expect(first.full)
                #expect(Array(first.jwkSet) == Self.keySet)
                #expect(first.issuer == "https://issuer.example.org")
                #expect(Self.jtis(first) == ["a", "b"])
                #expect(first.ageMilliseconds >= 60_000)
                let second = try #require(received[2])
                #expect(!second.full)
                #expect(second.jwkSet.isEmpty)
                #expect(Self.jtis(second) == ["c"])
                #expect(second.ageMilliseconds < 60_000)
                let third = try #require(received[3])
                #expect(third.full)
                #expect(Self.jtis(third) == ["d"])
            }
        }
    }
}
