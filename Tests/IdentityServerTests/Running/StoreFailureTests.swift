import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import Registration
import SwiftProtobuf
import TestSupport
import Testing

@Suite("when the store fails", .timeLimit(.minutes(1)))
struct StoreFailureTests {
    private static let readOnly = Refusal(
        .unavailable, "the server's store is read-only, nothing was changed: try again later")

    @Test("an attestation is answered UNAVAILABLE, and the token attests once the store works again")
    func attestation() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            plane.database.fail(writes: .readOnly("the engine's text"))
            #expect(try await refusal { try await plane.attest(token: token) } == Self.readOnly)
            plane.database.fail(writes: nil)
            _ = try await plane.attest(token: token)
        }
    }

    @Test("a join token that cannot be looked up is not called unknown")
    func lookUp() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            plane.database.fail(writes: nil, reads: .damaged("page 7"))
            #expect(
                try await refusal { try await plane.attest(token: token) }
                    == Refusal(
                        .unavailable, "the server's store is damaged, nothing was changed: try again later"))
        }
    }

    @Test("every other write is answered UNAVAILABLE too")
    func writes() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let renewed = try await plane.renew(agent)
            plane.database.fail(writes: .readOnly("the engine's text"))
            let refusals = [
                try await refusal { try await plane.makeToken() },
                try await refusal { try await plane.createEntry(makeEntry("/web", parent: "/node")) },
                try await refusal { try await plane.renew(agent) },
                try await refusal {
                    try await plane.remote(as: agent) {
                        try await $0.call(AgentMethods.postStatus, .with { $0.agentVersion = "1" })
                    }
                },
                // The first use of a renewed certificate is a write.
                try await refusal {
                    try await plane.remote(as: renewed) { try await $0.call(AgentMethods.postStatus, .init()) }
                },
                try await refusal {
                    try await plane.local {
                        try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
                    }
                },
                try await refusal {
                    try await plane.local {
                        try await $0.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
                    }
                },
            ]
            #expect(refusals == Array(repeating: Self.readOnly, count: refusals.count))
            plane.database.fail(writes: nil)
            try await plane.remote(as: renewed) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
        }
    }

    @Test("an agent is evicted with its alias or not at all: a store that fails leaves no half")
    func eviction() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent(alias: "/nodes/one")
            plane.database.fail(writes: .readOnly("the engine's text"), after: 1)
            try await plane.local { client async throws in
                _ = try await client.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
                #expect(try await client.call(AgentMethods.countAgents, .init()).count == 0)
                #expect(try await client.call(EntryMethods.countEntries, .init()).count == 0)
            }
        }
    }

    @Test("the log says once that the store fails, and once that it works again")
    func logged() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            plane.database.fail(writes: .readOnly("the engine's text"))
            for _ in 0..<3 { _ = try await refusal { try await plane.attest(token: token) } }
            plane.database.fail(writes: nil)
            for _ in 0..<2 { _ = try await plane.makeToken() }
            let lines = plane.log.text.split(separator: "\n")
            let failures = lines.filter { $0.contains(" the store failed ") }
            #expect(failures.map { $0.prefix(while: { $0 != " " }) } == ["error", "debug", "debug"])
            #expect(failures.allSatisfy { $0.contains("the engine's text") })
            #expect(lines.count { $0.contains("info the store works again") } == 1)
        }
    }
}
