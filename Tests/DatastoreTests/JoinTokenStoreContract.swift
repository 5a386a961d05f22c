import Datastore
import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import Testing

@Suite("JoinTokenStore", .timeLimit(.minutes(1)))
struct JoinTokenStoreContract {
    private func record(_ token: String, alias: String? = nil) throws -> JoinTokenRecord {
        JoinTokenRecord(
            hash: JoinTokenHash(of: token), expiresAt: Fixture.later, alias: try alias.map { try Fixture.id($0) })
    }

    private func alias(_ token: String, id: String = "alias") throws -> RegistrationEntry {
        try JoinTokenAttestation.aliasEntry(
            id: id, alias: Fixture.id("/rack"), agentID: Fixture.id("/spire/agent/join_token/\(token)"),
            now: Fixture.now)
    }

    @Test("a token is found by its hash with its expiry and alias, and takes no number", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            try await store.create(self.record("b"), now: Fixture.now)
            #expect(try await store.find(JoinTokenHash(of: "a")) == self.record("a", alias: "/rack"))
            #expect(try await store.find(JoinTokenHash(of: "b")) == self.record("b"))
            #expect(try await store.find(JoinTokenHash(of: "c")) == nil)
            #expect(try await store.position().number == 0)
        }
    }

    @Test("the same token twice is refused while the first is valid", arguments: TestedStore.all)
    func alreadyExists(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            await #expect(throws: JoinTokenError.alreadyExists) {
                try await store.create(self.record("a"), now: Fixture.now)
            }
            #expect(try await store.find(JoinTokenHash(of: "a")) == self.record("a", alias: "/rack"))
        }
    }

    @Test("an expired token makes room for a new one of its value", arguments: TestedStore.all)
    func replaceExpired(kind: TestedStore) async throws {
        let fresh = JoinTokenRecord(
            hash: JoinTokenHash(of: "a"), expiresAt: Date(timeIntervalSince1970: 1_900_000_000))
        try await kind.withStore { store in
            try await store.create(self.record("a"), now: Fixture.now)
            try await store.create(fresh, now: Fixture.later)
            #expect(try await store.find(fresh.hash) == fresh)
        }
    }

    @Test("using a token removes it and makes the agent and its alias in one step", arguments: TestedStore.all)
    func consume(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        let alias = try self.alias("a")
        try await kind.withStore { store in
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            let use = try await store.consume(
                token: "a", agent: agent, aliasEntryID: "alias", actor: .server, now: Fixture.now)
            #expect(use.position.number == 2)
            #expect(use.aliasEntry == alias)
            #expect(try await store.keys() == ["agent \(agent.id.uri)", "entry alias"])
            #expect(try await store.find(JoinTokenHash(of: "a")) == nil)
            #expect(try await store.agents() == [agent])
            #expect(try await store.snapshot().entries == [alias])
        }
    }

    @Test("the alias is that of the token that is used, not of one that was there before", arguments: TestedStore.all)
    func replacedAlias(kind: TestedStore) async throws {
        let end = Date(timeIntervalSince1970: 1_900_000_000)
        let fresh = JoinTokenRecord(hash: JoinTokenHash(of: "a"), expiresAt: end, alias: try Fixture.id("/new"))
        try await kind.withStore { store in
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            try await store.create(fresh, now: Fixture.later)
            let use = try await store.consume(
                token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.later)
            #expect(use.aliasEntry?.spiffeID == (try Fixture.id("/new")))
            #expect(try await store.snapshot().entries == [use.aliasEntry])
        }
    }

    @Test("a token without alias makes the agent alone", arguments: TestedStore.all)
    func consumeWithoutAlias(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a"), now: Fixture.now)
            let use = try await store.consume(
                token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.now)
            #expect(use.position.number == 1)
            #expect(use.aliasEntry == nil)
            #expect(try await store.snapshot().entries == [])
        }
    }

    @Test("an alias entry that is there already is left as it is", arguments: TestedStore.all)
    func aliasExists(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let existing = try self.alias("a", id: "existing")
            _ = try await store.apply([.create(existing)], actor: .uid(0), now: Fixture.now)
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            let use = try await store.consume(
                token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.now)
            #expect(use.position.number == 2)
            #expect(use.aliasEntry == nil)
            #expect(try await store.snapshot().entries == [existing])
        }
    }

    @Test("a used token and one never made are refused alike", arguments: TestedStore.all)
    func unknownOrUsed(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a"), now: Fixture.now)
            _ = try await store.consume(
                token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.now)
            for token in ["a", "b", ""] {
                await #expect(throws: JoinTokenError.unknownOrUsed) {
                    try await store.consume(
                        token: token, agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.now)
                }
            }
            #expect(try await store.position().number == 1)
        }
    }

    @Test("a token is refused from its expiry on and is then gone", arguments: TestedStore.all)
    func expired(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a"), now: Fixture.now)
            await #expect(throws: JoinTokenError.expired) {
                try await store.consume(
                    token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.later)
            }
            #expect(try await store.find(JoinTokenHash(of: "a")) == nil)
            #expect(try await store.agents() == [])
            #expect(try await store.position().number == 0)
        }
    }

    @Test("a banned agent does not come back by a new token of the same value", arguments: TestedStore.all)
    func banned(kind: TestedStore) async throws {
        let agent = try Fixture.agent()
        try await kind.withStore { store in
            _ = try await store.put(agent, actor: .server, now: Fixture.now)
            _ = try await store.update(agent.id, .ban, actor: .uid(0), now: Fixture.now)
            try await store.create(self.record("a"), now: Fixture.now)
            await #expect(throws: JoinTokenError.agentBanned(agent.id)) {
                try await store.consume(
                    token: "a", agent: agent, aliasEntryID: "alias", actor: .server, now: Fixture.now)
            }
            #expect(try await store.agent(agent.id)?.banned == true)
            #expect(try await store.find(JoinTokenHash(of: "a")) != nil)
        }
    }

    @Test("when the alias cannot be made, nothing is: the token is still good", arguments: TestedStore.all)
    func allOrNothing(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.apply([.create(Fixture.entry("alias"))], actor: .uid(0), now: Fixture.now)
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            await #expect(
                throws: JoinTokenError.store(.unavailable("the id of the alias entry belongs to another entry"))
            ) {
                try await store.consume(
                    token: "a", agent: Fixture.agent(), aliasEntryID: "alias", actor: .server, now: Fixture.now)
            }
            #expect(try await store.agents() == [])
            #expect(try await store.find(JoinTokenHash(of: "a")) != nil)
            #expect(try await store.keys() == ["entry alias"])
        }
    }

    @Test("of twenty agents with one token exactly one gets in", arguments: TestedStore.all)
    func race(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.create(self.record("a", alias: "/rack"), now: Fixture.now)
            let outcomes = try await withThrowingTaskGroup(of: JoinTokenError?.self) { group in
                for number in 0..<20 {
                    let agent = try Fixture.agent(serialNumber: "\(number)")
                    group.addTask {
                        do throws(JoinTokenError) {
                            _ = try await store.consume(
                                token: "a", agent: agent, aliasEntryID: "alias\(number)", actor: .server,
                                now: Fixture.now)
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1)
            #expect(outcomes.count { $0 == .unknownOrUsed } == 19)
            let agent = try #require(try await store.agents().first)
            #expect(try await store.snapshot().entries.map(\.id) == ["alias\(agent.serialNumber)"])
            #expect(try await store.position().number == 2)
        }
    }

    @Test("pruning deletes the expired tokens and tells how many", arguments: TestedStore.all)
    func prune(kind: TestedStore) async throws {
        let fresh = JoinTokenRecord(
            hash: JoinTokenHash(of: "fresh"), expiresAt: Date(timeIntervalSince1970: 1_800_000_601))
        try await kind.withStore { store in
            try await store.create(self.record("a"), now: Fixture.now)
            try await store.create(self.record("b"), now: Fixture.now)
            try await store.create(fresh, now: Fixture.now)
            #expect(try await store.pruneExpired(now: Fixture.now) == 0)
            #expect(try await store.pruneExpired(now: Fixture.later) == 2)
            #expect(try await store.find(fresh.hash) == fresh)
            #expect(try await store.find(JoinTokenHash(of: "a")) == nil)
        }
    }
}
