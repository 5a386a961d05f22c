import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("entries with an expiry", .timeLimit(.minutes(1)))
struct EntryExpiryTests {
    /// How many sleep in a server of which no entry has expired: for authorities, its certificate and join tokens.
    private static let sleepers = 3

    private func makeEntry(
        _ path: String, below agent: TestIdentity, at expiry: Date, selector: String = "unix:uid:1000"
    ) -> Spire_Api_Types_Entry {
        IdentityServerTests.makeEntry(path, parent: agent.id.path, selector: selector) {
            $0.id = String(path.dropFirst())
            $0.expiresAt = Int64(expiry.timeIntervalSince1970)
        }
    }

    private func authorized(_ plane: ControlPlaneUnderTest, _ agent: TestIdentity) async throws -> [String] {
        try await plane.remote(as: agent) {
            try await $0.call(EntryMethods.getAuthorizedEntries, .init()).entries.map(\.id)
        }
    }

    private func count(_ plane: ControlPlaneUnderTest) async throws -> Int32 {
        try await plane.local { try await $0.call(EntryMethods.countEntries, .init()).count }
    }

    @Test("from its expiry on an entry is nobody's, and agents are told")
    func expires() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: expiry))
            try await plane.createEntry(self.makeEntry("/api", below: agent, at: expiry.addingTimeInterval(3_600)))
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    #expect(try await updates.next()?.entries.count == 2)
                    plane.time.advance(to: expiry)
                    let update = try #require(try await updates.next())
                    #expect(!update.full)
                    #expect(update.removedEntryIds == ["web"])
                }
                let csr = try makeCSR()
                let reply = try await client.call(
                    SVIDMethods.batchNewX509SVID,
                    .with {
                        $0.params = [
                            .with {
                                $0.entryID = "web"; $0.csr = csr
                            }
                        ]
                    })
                #expect(reply.results[0].status.message == "entry not found or not authorized")
            }
            #expect(try await self.authorized(plane, agent) == ["api"])
            #expect(try await self.count(plane) == 2)
        }
    }

    @Test("what expires at one moment is told in one message")
    func together() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            let entries = (0..<1_000).map { self.makeEntry("/\($0)", below: agent, at: expiry) }
            try await plane.local { client async throws in
                _ = try await client.call(EntryMethods.batchCreateEntry, .with { $0.entries = entries })
            }
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    while try #require(try await updates.next()).more {}
                    plane.time.advance(to: expiry)
                    let update = try #require(try await updates.next())
                    #expect(Set(update.removedEntryIds) == Set(entries.map(\.id)))
                    #expect(!update.more)
                }
            }
        }
    }

    @Test("an expired parent takes what is below it along")
    func parent() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            try await plane.createEntry(self.makeEntry("/a", below: agent, at: expiry))
            try await plane.createEntry(IdentityServerTests.makeEntry("/b", parent: "/a"))
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    #expect(try await updates.next()?.entries.count == 2)
                    plane.time.advance(to: expiry)
                    let update = try #require(try await updates.next())
                    #expect(update.full)
                    #expect(update.entries.isEmpty)
                }
            }
        }
    }

    @Test("an expired entry is deleted between five and six minutes later")
    func deleted() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: expiry))
            plane.time.advance(to: expiry)
            for _ in 0..<5 {
                try await plane.time.waitForSleepers(Self.sleepers + 1)
                #expect(try await self.count(plane) == 1)
                plane.time.advance(by: .seconds(60))
            }
            try await plane.time.waitForSleepers(Self.sleepers + 1)
            #expect(try await self.count(plane) == 1)
            plane.time.advance(by: .seconds(60))
            await plane.log.wait(for: "expired entries deleted")
            #expect(try await self.count(plane) == 0)
        }
    }

    @Test("a clock that steps forward an hour and back loses no entry, and agents have it again")
    func clockStep() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let start = plane.time.now
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: start.addingTimeInterval(600)))
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    #expect(try await updates.next()?.entries.map(\.id) == ["web"])
                    // Less than the agent's certificate lives.
                    plane.time.set(to: start.addingTimeInterval(3_500))
                    #expect(try await updates.next()?.removedEntryIds == ["web"])
                    await plane.log.wait(for: "entries expired")
                    try await plane.time.waitForSleepers(Self.sleepers + 2)
                    plane.time.set(to: start)
                    plane.time.advance(by: .seconds(60))
                    #expect(try await updates.next()?.entries.map(\.id) == ["web"])
                }
            }
            #expect(try await self.authorized(plane, agent) == ["web"])
        }
    }

    @Test("an agent that resumes is told what expired while it was away, and what has not after all")
    func resumes() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let start = plane.time.now
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: start.addingTimeInterval(600)))
            @Sendable func watch(
                since position: Signet_Agent_V1_WatchAuthorizedEntriesResponse?
            ) async throws -> Signet_Agent_V1_WatchAuthorizedEntriesResponse {
                let request = Signet_Agent_V1_WatchAuthorizedEntriesRequest.with {
                    $0.epoch = position?.epoch ?? ""
                    $0.sequence = position?.sequence ?? 0
                }
                return try await plane.remote(as: agent) { client async throws in
                    try await client.stream(SyncMethods.watchAuthorizedEntries, request) { responses async throws in
                        try #require(try await Messages(responses).next())
                    }
                }
            }
            let first = try await watch(since: nil)
            #expect(first.entries.map(\.id) == ["web"])
            plane.time.set(to: start.addingTimeInterval(3_500))
            let second = try await watch(since: first)
            #expect(!second.full)
            #expect(second.removedEntryIds == ["web"])
            plane.time.set(to: start)
            let third = try await watch(since: second)
            #expect(!third.full)
            #expect(third.entries.map(\.id) == ["web"])
        }
    }

    @Test("an expired entry is given more time like any other, and is there again")
    func extended() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: expiry))
            plane.time.advance(to: expiry)
            await plane.log.wait(for: "entries expired")
            #expect(try await self.authorized(plane, agent) == [])
            try await plane.local { client async throws in
                _ = try await client.call(
                    EntryMethods.batchUpdateEntry,
                    .with {
                        $0.entries = [
                            .with {
                                $0.id = "web"; $0.expiresAt = Int64(expiry.timeIntervalSince1970) + 60
                            }
                        ]
                        $0.inputMask.expiresAt = true
                    })
            }
            #expect(try await self.authorized(plane, agent) == ["web"])
        }
    }

    @Test("an expired entry that was not deleted yet does not stand in the way of its successor")
    func replaced() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let expiry = plane.time.now.addingTimeInterval(60)
            try await plane.createEntry(self.makeEntry("/web", below: agent, at: expiry))
            try await plane.createEntry(self.makeEntry("/api", below: agent, at: expiry))
            plane.time.advance(to: expiry)
            await plane.log.wait(for: "entries expired")
            // The one has another ID, the other the same and another selector.
            let later = expiry.addingTimeInterval(60)
            var similar = self.makeEntry("/web", below: agent, at: later)
            similar.id = "new"
            try await plane.createEntry(similar)
            try await plane.createEntry(self.makeEntry("/api", below: agent, at: later, selector: "unix:uid:1"))
            #expect(try await self.authorized(plane, agent) == ["api", "new"])
            #expect(try await self.count(plane) == 2)
        }
    }
}
