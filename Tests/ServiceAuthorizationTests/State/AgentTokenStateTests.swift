import AccessTokens
import Crypto
import FoundationEssentials
import GRPCCore
import JOSE
import Logging
import MetricsTestKit
import PeerTransport
import ProtoRPC
import Rotation
import ServiceAuthorization
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("The state of tokens from the agent", .timeLimit(.minutes(1)))
struct AgentTokenStateTests {
    private let time = ManualInstants()
    private let metrics = TestMetrics()

    private func message(
        full: Bool = false, tokens: [String] = [], keySet: [UInt8] = [], age: UInt64 = 0
    ) -> Signet_Workload_V1_TokenState {
        .with { state in
            state.issuer = TestIssuer.issuer
            state.jwkSet = Data(keySet)
            state.full = full
            state.epoch = "e"
            state.ageMilliseconds = age
            state.revocations = tokens.map { token in
                .with {
                    $0.jti = token
                    $0.revokedAt = Int64(self.time.now.timeIntervalSince1970) - 2
                    $0.expiresAt = 4_000_000_000
                }
            }
        }
    }

    private static let keySet: [UInt8] = {
        let key = JSONWebKey(publicKey: PublicKey(P256.Signing.PrivateKey().publicKey), use: "sig", keyID: "at-1")
        return JSON.serialize(["keys": .array([.object(key.object())])])
    }()

    /// Follows an agent whose first stream sends `first`, and each later one `later`.
    private func following(
        _ first: [Signet_Workload_V1_TokenState], then later: [Signet_Workload_V1_TokenState],
        _ body: @Sendable (AgentTokenState) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let opened = Recorded<Void>()
        var routes = RPCRoutes()
        routes.serverStream(WorkloadAccessTokenMethods.watchTokenState) { _, _, writer in
            opened.append(())
            for message in opened.values.count == 1 ? first : later { try await writer.write(message) }
            for await _ in Watched(0).updates() {}
        }
        let path = directory.path("api.sock")
        let server = RPCServer(
            listeners: [RPCListener(.unix(path: path, socketMode: 0o777, directoryMode: 0o755), routes: routes)],
            logger: Logger(label: "agent", factory: { _ in SwiftLogNoOpLogHandler() }))
        let client = WorkloadAPIClient(
            address: try WorkloadAPIAddress(socketPath: path), instants: self.time.instants,
            makeGenerator: { SeededRandom(seed: 1) })
        let state = AgentTokenState(
            client: client, logger: Logger(label: "state", factory: { _ in SwiftLogNoOpLogHandler() }),
            metrics: self.metrics, instants: self.time.instants)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            _ = try await server.boundAddress(of: 0)
            group.addTask { try? await state.run() }
            try await body(state)
            group.cancelAll()
        }
    }

    private func names(_ state: AgentTokenState) -> [String] {
        let revocations = state.currentState()?.revocations.all(now: self.time.now) ?? []
        return revocations.map { if case .token(let token) = $0.target { token } else { "" } }.sorted()
    }

    @Test("after a message that cannot be used the stream is opened again, and the whole state comes")
    func unusable() async throws {
        let good = self.message(full: true, tokens: ["a"], keySet: Self.keySet)
        let unusable = self.message(keySet: Array("{}".utf8))
        let whole = self.message(full: true, tokens: ["a", "c"], keySet: Self.keySet)
        try await self.following([good, unusable, self.message(tokens: ["b"])], then: [whole]) { state async throws in
            for await current in state.updates() where current != nil { break }
            #expect(self.names(state) == ["a"])
            // The stream is opened again after a second, not in a circle.
            try await self.time.waitForSleepers(1)
            self.time.advance(by: .seconds(1))
            for await _ in state.updates() where self.names(state) == ["a", "c"] { break }
            #expect(state.currentState()?.age(now: self.time.now) == .zero)
        }
    }

    @Test("a moment that no clock shows is not taken", arguments: [-1, 253_402_300_800, .min, .max])
    func impossibleMoments(seconds: Int64) async throws {
        let good = self.message(full: true, tokens: ["a"], keySet: Self.keySet)
        let whole = self.message(full: true, tokens: ["a", "c"], keySet: Self.keySet)
        for path in [\Signet_Workload_V1_Revocation.revokedAt, \.expiresAt] {
            var wrong = self.message(tokens: ["b"])
            wrong.revocations[0][keyPath: path] = seconds
            try await self.following([good, wrong], then: [whole]) { state async throws in
                try await self.time.waitForSleepers(1)
                #expect(self.names(state) == ["a"])
                self.time.advance(by: .seconds(1))
                for await _ in state.updates() where self.names(state) == ["a", "c"] { break }
            }
        }
    }

    @Test("the time from a revocation until it is in force is measured, but not of those that were there before")
    func lag() async throws {
        let messages = [
            self.message(full: true, tokens: ["a"], keySet: Self.keySet), self.message(tokens: ["b", "c"]),
        ]
        try await self.following(messages, then: []) { state async throws in
            for await _ in state.updates() where self.names(state).count == 3 { break }
        }
        let values = try self.metrics.expectTimer("signet_token_state_revocation_lag_seconds").values
        #expect(values == [2_000_000_000, 2_000_000_000])
    }
}
