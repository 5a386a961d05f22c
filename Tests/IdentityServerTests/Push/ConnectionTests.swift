import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("connections of agents", .timeLimit(.minutes(1)))
struct ConnectionTests {
    enum End: CaseIterable, Sendable {
        case ban, eviction, renewal
    }

    @Test("end at once with a ban, an eviction or the first use of a renewed certificate", arguments: End.allCases)
    func end(by end: End) async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntries(501, below: agent.id.path)
            // A call that waits for the agent: only the end of its connection can end it.
            let ended = try await refusal {
                try await plane.remote(as: agent) { client async throws in
                    try await client.converse(
                        EntryMethods.syncAuthorizedEntries,
                        requests: { writer in
                            try await writer.write(.init())
                            try await plane.time.instants.sleep(until: .distantFuture)
                        }
                    ) { responses in
                        let messages = Messages(responses)
                        _ = try await messages.next()
                        _ = try await messages.next()
                        try await plane.end(agent, by: end)
                        _ = try await messages.next()
                    }
                }
            }
            #expect(ended.code == .unavailable)
        }
    }
}

extension ControlPlaneUnderTest {
    fileprivate func createEntries(_ count: Int, below parent: String) async throws {
        let reply = try await self.local {
            try await $0.call(
                EntryMethods.batchCreateEntry,
                .with { $0.entries = (0..<count).map { makeEntry("/w/\($0)", parent: parent) } })
        }
        #expect(reply.results.allSatisfy { $0.status.code == 0 })
    }

    fileprivate func end(_ agent: TestIdentity, by end: ConnectionTests.End) async throws {
        switch end {
        case .ban:
            try await self.local { _ = try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) }) }
        case .eviction:
            try await self.local {
                _ = try await $0.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
            }
        case .renewal:
            let renewed = try await self.renew(agent)
            try await self.remote(as: renewed) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
        }
    }
}
