import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import Testing

/// Who may call what: the table of SPIRE's default policy, and the push stream of ours.
@Suite("callers of each method", .timeLimit(.minutes(2)))
struct CallerTableTests {
    enum CallerKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case local, admin, agent, workload, anonymous, bannedAgent, evictedAgent, supersededAgent

        var testDescription: String { self.rawValue }
    }

    struct Method: Sendable {
        let path: String
        let callers: Set<CallerKind>
        let call: @Sendable (Client) async throws -> Void

        /// What a caller of the table is answered when it may not call; nil when it may.
        func refusal(of caller: CallerKind) -> Refusal? {
            if self.callers == everybody || self.callers.contains(caller) { return nil }
            let reason: Spire_Api_Types_PermissionDeniedDetails.Reason? =
                switch caller {
                case .local, .anonymous: nil
                case .admin, .workload, .evictedAgent: .agentNotAttested
                case .bannedAgent: .agentBanned
                case .supersededAgent: .agentNotActive
                case .agent: nil
                }
            return Refusal(
                .permissionDenied, "authorization denied for method \(self.path)",
                self.callers == agents ? reason : nil)
        }
    }

    @Test(
        "is allowed exactly what the table allows it, and refused with SPIRE's status", arguments: CallerKind.allCases)
    func callsTheTable(caller: CallerKind) async throws {
        try await withControlPlane { plane async throws in
            try await plane.calls(as: caller) { client async throws in
                for method in methods {
                    var answer: Refusal?
                    do {
                        try await method.call(client)
                    } catch let error as RPCError {
                        answer = Refusal(error)
                    }
                    if let refusal = method.refusal(of: caller) {
                        #expect(answer == refusal, "\(method.path)")
                    } else {
                        #expect(answer?.code != .permissionDenied, "\(method.path)")
                        // This control plane has no authorization server; who may ask is told so.
                        let isToken = method.path.hasPrefix("/\(AccessTokenMethods.service)/")
                        #expect((answer?.code == .unimplemented) == isToken, "\(method.path)")
                        #expect(answer?.code != .unavailable, "\(method.path)")
                        #expect(answer?.code != .internalError, "\(method.path)")
                    }
                }
            }
        }
    }

    @Test("finds methods that have nothing behind them unimplemented", arguments: [CallerKind.local, .agent])
    func unimplementedMethods(caller: CallerKind) async throws {
        try await withControlPlane { plane async throws in
            try await plane.calls(as: caller) { client async throws in
                #expect(
                    try await refusal { try await client.call(SVIDMethods.newDownstreamX509CA, .init()) }.code
                        == .unimplemented)
                #expect(
                    try await refusal { try await client.call(SVIDMethods.mintWITSVID, .init()) }.code == .unimplemented
                )
                #expect(
                    try await refusal { try await client.call(BundleMethods.appendBundle, .init()) }.code
                        == .unimplemented)
                #expect(
                    try await refusal { try await client.call(BundleMethods.listFederatedBundles, .init()) }.code
                        == .unimplemented)
            }
        }
    }
}

extension ControlPlaneUnderTest {
    fileprivate func calls(
        as caller: CallerTableTests.CallerKind, _ body: @escaping @Sendable (Client) async throws -> Void
    ) async throws {
        switch caller {
        case .local: try await self.local(body)
        case .anonymous: try await self.remote(as: nil, body)
        case .admin: try await self.remote(as: self.newAdmin(), body)
        case .agent: try await self.remote(as: self.newAgent(), body)
        case .workload: try await self.remote(as: self.mint("/plain"), body)
        case .bannedAgent:
            let agent = try await self.newAgent()
            try await self.local {
                _ = try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
            }
            try await self.remote(as: agent, body)
        case .evictedAgent:
            let agent = try await self.newAgent()
            try await self.local {
                _ = try await $0.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
            }
            try await self.remote(as: agent, body)
        case .supersededAgent:
            let agent = try await self.newAgent()
            let renewed = try await self.renew(agent)
            try await self.remote(as: renewed) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
            try await self.remote(as: agent, body)
        }
    }
}

private let everybody = Set(CallerTableTests.CallerKind.allCases)
private let administrators: Set<CallerTableTests.CallerKind> = [.local, .admin]
private let agents: Set<CallerTableTests.CallerKind> = [.agent]

private func unary<Input, Output>(
    _ method: RPCMethod<Input, Output>, _ callers: Set<CallerTableTests.CallerKind>
) -> CallerTableTests.Method {
    CallerTableTests.Method(path: method.path, callers: callers) { _ = try await $0.call(method, Input()) }
}

private let methods: [CallerTableTests.Method] = [
    unary(AgentMethods.countAgents, administrators),
    unary(AgentMethods.listAgents, administrators),
    unary(AgentMethods.getAgent, administrators),
    unary(AgentMethods.deleteAgent, administrators),
    unary(AgentMethods.banAgent, administrators),
    unary(AgentMethods.createJoinToken, administrators),
    unary(AgentMethods.renewAgent, agents),
    unary(AgentMethods.postStatus, agents),
    CallerTableTests.Method(path: AgentMethods.attestAgent.path, callers: everybody) { client async throws in
        try await client.converse(AgentMethods.attestAgent, requests: { try await $0.write(.init()) }) {
            responses async throws in
            for try await _ in responses {}
        }
    },
    unary(EntryMethods.countEntries, administrators),
    unary(EntryMethods.listEntries, administrators),
    unary(EntryMethods.getEntry, administrators),
    unary(EntryMethods.batchCreateEntry, administrators),
    unary(EntryMethods.batchUpdateEntry, administrators),
    unary(EntryMethods.batchDeleteEntry, administrators),
    unary(EntryMethods.getAuthorizedEntries, agents),
    CallerTableTests.Method(path: EntryMethods.syncAuthorizedEntries.path, callers: agents) { client async throws in
        try await client.converse(EntryMethods.syncAuthorizedEntries, requests: { try await $0.write(.init()) }) {
            for try await _ in $0 {}
        }
    },
    unary(SVIDMethods.mintX509SVID, administrators),
    unary(SVIDMethods.mintJWTSVID, administrators),
    unary(SVIDMethods.batchNewX509SVID, agents),
    unary(SVIDMethods.newJWTSVID, agents),
    unary(BundleMethods.getBundle, everybody),
    unary(AccessTokenMethods.issueAccessToken, agents),
    CallerTableTests.Method(path: AccessTokenMethods.watchTokenState.path, callers: agents) { client async throws in
        try await client.stream(AccessTokenMethods.watchTokenState, .init()) { responses async throws in
            for try await _ in responses { return }
        }
    },
    unary(RevocationMethods.revoke, administrators),
    unary(RevocationMethods.listRevocations, administrators),
    unary(AccessMethods.createService, administrators),
    unary(AccessMethods.listServices, administrators),
    unary(AccessMethods.getService, administrators),
    unary(AccessMethods.deleteService, administrators),
    unary(AccessMethods.createGrant, administrators),
    unary(AccessMethods.listGrants, administrators),
    unary(AccessMethods.getGrant, administrators),
    unary(AccessMethods.deleteGrant, administrators),
    unary(AccessMethods.testGrant, administrators),
    unary(AccessMethods.applyPolicy, administrators),
    CallerTableTests.Method(path: SyncMethods.watchAuthorizedEntries.path, callers: agents) { client async throws in
        try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
            for try await _ in responses { return }
        }
    },
]
