import Datastore
import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import Testing

@Suite("NodeStore", .timeLimit(.minutes(1)))
struct NodeStoreContract {
    @Test("an agent comes back with every field it was put with", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        let full = AttestedAgent(
            id: try Fixture.id("/spire/agent/x509pop/z"), attestationType: "x509pop",
            serialNumber: "340282366920938463463",
            expiresAt: Fixture.now, newSerialNumber: "2", newExpiresAt: Fixture.later,
            selectors: [try Selector(parsing: "x:2"), try Selector(parsing: "x:1")], canReattest: true,
            agentVersion: "1.2.3")
        let plain = try Fixture.agent()
        try await kind.withStore { store in
            let first = try await store.put(full, actor: .server, now: Fixture.now)
            let second = try await store.put(plain, actor: .server, now: Fixture.now)
            #expect([first.number, second.number] == [1, 2])
            #expect(try await store.agents() == [plain, full])
            #expect(try await store.agent(full.id) == full)
            #expect(try await store.agent(Fixture.id("/nobody")) == nil)
            #expect(try await store.keys() == ["agent \(full.id.uri)", "agent \(plain.id.uri)"])
        }
    }

    @Test("putting an agent again replaces it", arguments: TestedStore.all)
    func replace(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.put(Fixture.agent(), actor: .server, now: Fixture.now)
            let next = try Fixture.agent(serialNumber: "2")
            #expect(try await store.put(next, actor: .server, now: Fixture.now).number == 2)
            #expect(try await store.agents() == [next])
        }
    }

    @Test("renewal, first use and version are kept, each with its number", arguments: TestedStore.all)
    func changes(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        let end = Date(timeIntervalSince1970: 1_900_000_000)
        try await kind.withStore { store in
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            let pending = AgentChange.pending(serialNumber: "2", expiresAt: end)
            #expect(try await store.update(agent.id, pending, actor: .peer(agent.id), now: Fixture.now).number == 2)
            #expect(try await store.agent(agent.id)?.newSerialNumber == "2")
            let activate = AgentChange.activate(serialNumber: "2")
            #expect(try await store.update(agent.id, activate, actor: .peer(agent.id), now: Fixture.now).number == 3)
            #expect(
                try await store.update(agent.id, .version("1"), actor: .peer(agent.id), now: Fixture.now).number == 4)
            #expect(
                try await store.agent(agent.id)
                    == AttestedAgent(
                        id: agent.id, attestationType: "join_token", serialNumber: "2", expiresAt: end,
                        selectors: agent.selectors, agentVersion: "1"))
        }
    }

    @Test("a change that is already in place takes no number", arguments: TestedStore.all)
    func unchanged(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        try await kind.withStore { store in
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            for change in [AgentChange.activate(serialNumber: "1"), .version("")] {
                #expect(try await store.update(agent.id, change, actor: .server, now: Fixture.now).number == 1)
            }
        }
    }

    @Test("an unknown agent and an unknown serial number are refused, nothing changes", arguments: TestedStore.all)
    func refused(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        try await kind.withStore { store in
            await #expect(throws: NodeStoreError.notFound(agent.id)) {
                try await store.update(agent.id, .ban, actor: .server, now: Fixture.now)
            }
            await #expect(throws: NodeStoreError.notFound(agent.id)) {
                try await store.delete(agent.id, entryIDs: [], actor: .server, now: Fixture.now)
            }
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            await #expect(throws: NodeStoreError.serialNumberUnknown(agent.id, serialNumber: "9")) {
                try await store.update(agent.id, .activate(serialNumber: "9"), actor: .server, now: Fixture.now)
            }
            #expect(try await store.position().number == 1)
            #expect(try await store.agents() == [agent])
        }
    }

    @Test("a banned agent stays banned until it is evicted", arguments: TestedStore.all)
    func ban(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        try await kind.withStore { store in
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            #expect(try await store.update(agent.id, .ban, actor: .uid(0), now: Fixture.now).number == 2)
            #expect(try await store.agent(agent.id) == Fixture.agent(serialNumber: "", banned: true))
            await #expect(throws: NodeStoreError.banned(agent.id)) {
                try await store.put(agent, actor: .server, now: Fixture.now)
            }
            #expect(try await store.delete(agent.id, entryIDs: [], actor: .uid(0), now: Fixture.now).number == 3)
            #expect(try await store.agents() == [])
            #expect(try await store.put(agent, actor: .server, now: Fixture.now).number == 4)
        }
    }

    @Test("an evicted agent takes its entries with it, in one transaction", arguments: TestedStore.all)
    func deleteWithEntries(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        try await kind.withStore { store in
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            _ = try await store.apply(
                [.create(Fixture.entry("alias")), .create(Fixture.entry("other", "/other"))], actor: .server,
                now: Fixture.now)
            let position = try await store.delete(
                agent.id, entryIDs: ["alias", "none"], actor: .uid(0), now: Fixture.now)
            #expect(position.number == 5)
            #expect(try await store.agents() == [])
            #expect(try await store.snapshot().entries == [Fixture.entry("other", "/other")])
            #expect(try await store.keys(after: 3) == ["agent \(agent.id.uri)", "entry alias"])
            await #expect(throws: NodeStoreError.notFound(agent.id)) {
                try await store.delete(agent.id, entryIDs: ["other"], actor: .uid(0), now: Fixture.now)
            }
            #expect(try await store.snapshot().entries.count == 1)
        }
    }

    @Test("concurrent changes of one agent do not undo each other", arguments: TestedStore.all)
    func concurrentUpdates(kind: TestedStore) async throws {
        try await kind.withStore { store in
            for round in 0..<20 {
                let agent = try Fixture.agent("\(round)")
                _ = try await store.put(agent, actor: .server, now: Fixture.now)
                let changes =
                    (0..<10).map { AgentChange.version("\($0)") }
                    + [.pending(serialNumber: "2", expiresAt: Fixture.later)]
                    + (10..<20).map { AgentChange.version("\($0)") }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for change in changes {
                        group.addTask {
                            _ = try await store.update(agent.id, change, actor: .server, now: Fixture.now)
                        }
                    }
                    try await group.waitForAll()
                }
                let changed = try await store.agent(agent.id)
                #expect(changed?.newSerialNumber == "2")
                #expect(changed?.agentVersion.isEmpty == false)
            }
            #expect(try await store.keys().count == 20 * 22)
        }
    }
}
