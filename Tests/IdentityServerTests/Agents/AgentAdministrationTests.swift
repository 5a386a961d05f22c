import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("administration of agents", .timeLimit(.minutes(1)))
struct AgentAdministrationTests {
    @Test("agents are listed in pages, each once, ordered by SPIFFE ID")
    func listing() async throws {
        try await withControlPlane { plane async throws in
            var ids: [String] = []
            for _ in 0..<5 { ids.append(try await plane.newAgent().id.path) }
            let pages = try await plane.local { client async throws in
                var pages: [[String]] = []
                var token = ""
                repeat {
                    let asked = token
                    let page = try await client.call(
                        AgentMethods.listAgents,
                        .with {
                            $0.pageSize = 2; $0.pageToken = asked
                        })
                    pages.append(page.agents.map(\.id.path))
                    token = page.nextPageToken
                } while !token.isEmpty
                return pages
            }
            #expect(pages.map(\.count) == [2, 2, 1])
            #expect(pages.flatMap(\.self) == ids.sorted())
        }
    }

    @Test("a mask leaves out what it does not name, but for the ID")
    func mask() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let shown = try await plane.local {
                try await $0.call(
                    AgentMethods.getAgent,
                    .with {
                        $0.id = .init(agent.id)
                        $0.outputMask.attestationType = true
                    })
            }
            #expect(
                shown
                    == .with {
                        $0.id = .init(agent.id); $0.attestationType = "join_token"
                    })
        }
    }

    @Test("agents are counted by what a filter asks for")
    func filters() async throws {
        try await withControlPlane { plane async throws in
            let banned = try await plane.newAgent()
            plane.time.advance(by: .seconds(600))
            _ = try await plane.newAgent()
            try await plane.local { client async throws in
                _ = try await client.call(AgentMethods.banAgent, .with { $0.id = .init(banned.id) })
                func count(
                    _ change: @escaping (inout Spire_Api_Server_Agent_V1_CountAgentsRequest.Filter) -> Void
                ) async throws -> Int32 {
                    try await client.call(AgentMethods.countAgents, .with { change(&$0.filter) }).count
                }
                #expect(try await count { _ in } == 2)
                #expect(try await count { $0.byBanned = .init(true) } == 1)
                #expect(try await count { $0.byBanned = .init(false) } == 1)
                #expect(try await count { $0.byCanReattest = .init(true) } == 0)
                #expect(try await count { $0.byAttestationType = "join_token" } == 2)
                #expect(try await count { $0.byAttestationType = "x509pop" } == 0)
                // The first one expires at 09:00:00, the second at 09:10:00.
                #expect(try await count { $0.byExpiresBefore = "2027-01-15 09:00:01 +0000 +00" } == 1)
                #expect(try await count { $0.byExpiresBefore = "2027-01-15 11:10:00 +0200 +02" } == 1)
                #expect(try await count { $0.byExpiresBefore = "2027-01-15 09:10:01 +0000 +00" } == 2)
                #expect(
                    try await refusal { try await count { $0.byExpiresBefore = "tomorrow" } }
                        == Refusal(
                            .invalidArgument,
                            "malformed expires before filter: expected YYYY-MM-DD hh:mm:ss -hhmm -hh"))
                #expect(
                    try await refusal { try await count { $0.bySelectorMatch.selectors = [.init()] } }
                        == Refusal(
                            .invalidArgument, "failed to parse selectors: selectors: the selector type is empty"))
            }
        }
    }

    @Test("a banned agent is shown as banned, without a serial number")
    func banned() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.local { client async throws in
                _ = try await client.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
                let shown = try await client.call(AgentMethods.getAgent, .with { $0.id = .init(agent.id) })
                #expect(shown.banned)
                #expect(shown.x509SvidSerialNumber.isEmpty)
            }
        }
    }

    @Test("an agent that does not exist is not found")
    func notFound() async throws {
        try await withControlPlane { plane async throws in
            let id = Spire_Api_Types_SPIFFEID("/spire/agent/join_token/none")
            let expected = Refusal(.notFound, "agent not found")
            try await plane.local { client async throws in
                #expect(
                    try await refusal { try await client.call(AgentMethods.getAgent, .with { $0.id = id }) } == expected
                )
                #expect(
                    try await refusal { try await client.call(AgentMethods.banAgent, .with { $0.id = id }) } == expected
                )
                #expect(
                    try await refusal { try await client.call(AgentMethods.deleteAgent, .with { $0.id = id }) }
                        == expected)
            }
        }
    }

    @Test(
        "what is no agent's ID is refused",
        arguments: [
            (
                Spire_Api_Types_SPIFFEID("/web"),
                "\"spiffe://example.org/web\" is not in the agent namespace /spire/agent"
            ),
            (
                Spire_Api_Types_SPIFFEID("/spire/agent/x/y", in: "other.org"),
                "\"spiffe://other.org/spire/agent/x/y\" is not a member of trust domain \"example.org\""
            ),
        ])
    func malformedID(id: Spire_Api_Types_SPIFFEID, reason: String) async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                #expect(
                    try await refusal { try await client.call(AgentMethods.getAgent, .with { $0.id = id }) }
                        == Refusal(.invalidArgument, "invalid agent ID: \(reason)"))
                #expect(
                    try await refusal { try await client.call(AgentMethods.getAgent, .init()) }
                        == Refusal(.invalidArgument, "invalid agent ID: request must specify SPIFFE ID"))
            }
        }
    }

    @Test("everyone else is still served after a ban")
    func othersAreServed() async throws {
        try await withControlPlane { plane async throws in
            let banned = try await plane.newAgent()
            let other = try await plane.newAgent()
            try await plane.remote(as: other) { client async throws in
                try await plane.local {
                    _ = try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(banned.id) })
                }
                _ = try await client.call(AgentMethods.postStatus, .init())
            }
        }
    }
}
