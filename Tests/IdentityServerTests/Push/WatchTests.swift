import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

private typealias Update = Signet_Agent_V1_WatchAuthorizedEntriesResponse

@Suite("entries pushed to agents", .timeLimit(.minutes(2)))
struct WatchTests {
    /// Follows an agent's stream; `body` takes messages as they come.
    private func watch<Result: Sendable>(
        _ plane: ControlPlaneUnderTest, as agent: TestIdentity, since position: (String, UInt64)? = nil,
        _ body: @escaping @Sendable (Messages<Update>) async throws -> Result
    ) async throws -> Result {
        let request = Signet_Agent_V1_WatchAuthorizedEntriesRequest.with {
            if let (epoch, sequence) = position {
                $0.epoch = epoch
                $0.sequence = sequence
            }
        }
        return try await plane.remote(as: agent) { client async throws in
            try await client.stream(SyncMethods.watchAuthorizedEntries, request) { responses async throws in
                try await body(Messages(responses))
            }
        }
    }

    @Test("a new stream begins with everything: entries, bundle and position")
    func begins() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            let first = try await self.watch(plane, as: agent) { try await $0.next() }
            let update = try #require(first)
            #expect(update.full)
            #expect(!update.more)
            #expect(update.entries.map(\.id) == ["a"])
            #expect(!update.epoch.isEmpty)
            #expect(update.bundle.trustDomain == "example.org")
            #expect(update.bundle.x509Authorities.count == 1)
        }
    }

    @Test("creation, change and deletion of an entry arrive as they happen, of other agents' entries nothing")
    func changes() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let other = try await plane.newAgent()
            try await self.watch(plane, as: agent) { updates async throws in
                _ = try await updates.next()
                try await plane.createEntry(makeEntry("/x", parent: other.id.path) { $0.id = "x" })
                try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
                let created = try #require(try await updates.next())
                #expect(!created.full)
                #expect(created.entries.map(\.id) == ["a"])
                #expect(!created.hasBundle)

                try await plane.local { client async throws in
                    _ = try await client.call(
                        EntryMethods.batchUpdateEntry,
                        .with {
                            $0.entries = [
                                .with {
                                    $0.id = "a"; $0.hint = "new"
                                }
                            ]
                            $0.inputMask.hint = true
                        })
                }
                let changed = try #require(try await updates.next())
                #expect(changed.entries.map(\.hint) == ["new"])
                #expect(changed.sequence > created.sequence)

                try await plane.local { client async throws in
                    _ = try await client.call(EntryMethods.batchDeleteEntry, .with { $0.ids = ["a"] })
                }
                let deleted = try #require(try await updates.next())
                #expect(deleted.removedEntryIds == ["a"])
                #expect(deleted.entries.isEmpty)
            }
        }
    }

    @Test("an entry that moves to another agent leaves the one and reaches the other")
    func moves() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let other = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            try await self.watch(plane, as: agent) { left async throws in
                _ = try await left.next()
                try await plane.local { client async throws in
                    _ = try await client.call(
                        EntryMethods.batchUpdateEntry,
                        .with {
                            $0.entries = [
                                .with {
                                    $0.id = "a"; $0.parentID = .init(other.id)
                                }
                            ]
                            $0.inputMask.parentID = true
                        })
                }
                #expect(try await left.next()?.removedEntryIds == ["a"])
            }
            #expect(try await self.watch(plane, as: other) { try await $0.next() }?.entries.map(\.id) == ["a"])
        }
    }

    @Test("a parent that comes or goes brings or takes what is below it")
    func parents() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/b", parent: "/a") { $0.id = "b" })
            try await self.watch(plane, as: agent) { updates async throws in
                _ = try await updates.next()
                try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
                let brought = try #require(try await updates.next())
                #expect(brought.full)
                #expect(brought.entries.map(\.id) == ["a", "b"])
                try await plane.local { client async throws in
                    _ = try await client.call(EntryMethods.batchDeleteEntry, .with { $0.ids = ["a"] })
                }
                let taken = try #require(try await updates.next())
                #expect(taken.full)
                #expect(taken.entries.isEmpty)
            }
        }
    }

    @Test("1,200 entries arrive in pages of 500, the bundle in the first")
    func pages() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.local { client async throws in
                for start in [0, 600] {
                    _ = try await client.call(
                        EntryMethods.batchCreateEntry,
                        .with {
                            $0.entries = (start..<(start + 600)).map { makeEntry("/w/\($0)", parent: agent.id.path) }
                        })
                }
            }
            let pages = try await self.watch(plane, as: agent) { updates async throws in
                var pages: [Update] = []
                repeat { if let page = try await updates.next() { pages.append(page) } } while pages.last?.more == true
                return pages
            }
            #expect(pages.map(\.entries.count) == [500, 500, 200])
            #expect(pages.map(\.full) == [true, true, true])
            #expect(pages.map(\.hasBundle) == [true, false, false])
            #expect(Set(pages.map(\.sequence)).count == 1)
            #expect(Set(pages.flatMap(\.entries).map(\.id)).count == 1_200)
        }
    }

    @Test("a stream that resumes gets what it missed, and no more")
    func resumes() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let other = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            try await plane.createEntry(makeEntry("/b", parent: agent.id.path) { $0.id = "b" })
            let first = try #require(try await self.watch(plane, as: agent) { try await $0.next() })
            try await plane.createEntry(makeEntry("/c", parent: agent.id.path) { $0.id = "c" })
            try await plane.createEntry(makeEntry("/x", parent: other.id.path) { $0.id = "x" })
            try await plane.local { client async throws in
                _ = try await client.call(EntryMethods.batchDeleteEntry, .with { $0.ids = ["b"] })
            }
            let resumed = try #require(
                try await self.watch(plane, as: agent, since: (first.epoch, first.sequence)) { try await $0.next() })
            #expect(!resumed.full)
            #expect(resumed.entries.map(\.id) == ["c"])
            #expect(resumed.removedEntryIds == ["b"])
        }
    }

    @Test(
        "a position of another epoch, or ahead of the log, gets everything", arguments: [("another", 1), ("", 9_999)])
    func unknownPosition(epoch: String, sequence: UInt64) async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let first = try #require(try await self.watch(plane, as: agent) { try await $0.next() })
            let position = (epoch.isEmpty ? first.epoch : epoch, sequence)
            #expect(try await self.watch(plane, as: agent, since: position) { try await $0.next() }?.full == true)
        }
    }

    @Test("a restart of the server does not make an agent that missed nothing start anew")
    func resumesAfterRestart() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        let (agent, first) = try await withControlPlane(disk: disk, time: time) { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            let first = try #require(try await self.watch(plane, as: agent) { try await $0.next() })
            // Changes that are not about entries move the log on.
            _ = try await plane.newAgent()
            return (agent, first)
        }
        try await withControlPlane(disk: disk, time: time) { plane async throws in
            let resumed = try #require(
                try await self.watch(plane, as: agent, since: (first.epoch, first.sequence)) { try await $0.next() })
            #expect(!resumed.full)
            #expect(resumed.entries.isEmpty)
            #expect(resumed.removedEntryIds.isEmpty)
        }
    }

    @Test("after a restore, an agent that has seen what the backup lacks gets everything; one that has not, resumes")
    func resumesAfterRestore() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        let (agent, before, beyond, backup) = try await withControlPlane(disk: disk, time: time) { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            let before = try #require(try await self.watch(plane, as: agent) { try await $0.next() })
            let backup = try Disk(backupOf: disk)
            try await plane.createEntry(makeEntry("/lost", parent: agent.id.path) { $0.id = "lost" })
            let beyond = try #require(try await self.watch(plane, as: agent) { try await $0.next() })
            return (agent, before, beyond, backup)
        }
        try await withControlPlane(disk: backup, time: time) { plane async throws in
            for id in ["b", "c"] {
                try await plane.createEntry(makeEntry("/\(id)", parent: agent.id.path) { $0.id = id })
            }
            let full = try #require(
                try await self.watch(plane, as: agent, since: (beyond.epoch, beyond.sequence)) { try await $0.next() })
            #expect(full.full)
            #expect(full.entries.map(\.id) == ["a", "b", "c"])
            // The log is where it was when the lost change had its number, and beyond.
            #expect(full.sequence > beyond.sequence)
            let resumed = try #require(
                try await self.watch(plane, as: agent, since: (before.epoch, before.sequence)) { try await $0.next() })
            #expect(!resumed.full)
            #expect(resumed.entries.map(\.id) == ["b", "c"])
        }
    }

    @Test("a new bundle is pushed when an authority is prepared")
    func bundle() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await self.watch(plane, as: agent) { updates async throws in
                let first = try #require(try await updates.next())
                #expect(first.bundle.x509Authorities.count == 1)
                _ = try await plane.authority.rotate(now: plane.time.now.addingTimeInterval(12 * 3_600 + 60))
                let next = try #require(try await updates.next())
                #expect(next.bundle.x509Authorities.count == 2)
                #expect(next.bundle.sequenceNumber > first.bundle.sequenceNumber)
                #expect(!next.full)
                #expect(next.entries.isEmpty)
            }
        }
    }

    @Test("a ban ends the agent's streams at once, and its connections")
    func banEndsStreams() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let ended = try await refusal {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    try await plane.local {
                        _ = try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
                    }
                    while try await updates.next() != nil {}
                }
            }
            // The connection may be gone before the status has left.
            #expect(ended.reason == .agentBanned || ended.code == .unavailable)
            let again = try await refusal { try await self.watch(plane, as: agent) { try await $0.next() } }
            #expect(again.reason == .agentBanned)
        }
    }

    @Test("an eviction ends the agent's streams at once")
    func evictionEndsStreams() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let ended = try await refusal {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    try await plane.local {
                        _ = try await $0.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
                    }
                    while try await updates.next() != nil {}
                }
            }
            #expect(ended.reason == .agentNotAttested || ended.code == .unavailable)
        }
    }

    @Test("the first use of a renewed certificate ends the streams of the one before")
    func renewalEndsStreams() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let ended = try await refusal {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    let renewed = try await plane.renew(agent)
                    try await plane.remote(as: renewed) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
                    while try await updates.next() != nil {}
                }
            }
            #expect(ended.reason == .agentNotActive || ended.code == .unavailable)
        }
    }

    @Test("a stream ends when the certificate that opened it expires")
    func expiryEndsStreams() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let ended = try await refusal {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    plane.time.advance(to: agent.svid.notAfter)
                    while try await updates.next() != nil {}
                }
            }
            #expect(
                ended
                    == Refusal(
                        .permissionDenied,
                        "authorization denied for method \(SyncMethods.watchAuthorizedEntries.path)", .agentExpired))
        }
    }

    @Test("an agent has 8 streams at most; one that ends makes room, and others have their own")
    func streamsAreBounded() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let other = try await plane.newAgent()
            let tooMany = Refusal(.resourceExhausted, "an agent may have at most 8 streams of changes open")
            try await self.holding(7, plane, as: agent) {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    let refused = try await refusal { try await self.watch(plane, as: agent) { try await $0.next() } }
                    #expect(refused == tooMany)
                    #expect(try await self.watch(plane, as: other) { try await $0.next() }?.full == true)
                    // Other calls of the agent go on.
                    try await plane.remote(as: agent) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
                }
                // The server learns of the end a moment later than the client.
                while true {
                    do {
                        #expect(try await self.watch(plane, as: agent) { try await $0.next() }?.full == true)
                        return
                    } catch let error as RPCError where Refusal(error) == tooMany {}
                }
            }
        }
    }

    /// Runs `body` while the agent has this many streams open.
    private func holding(
        _ count: Int, _ plane: ControlPlaneUnderTest, as agent: TestIdentity,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body() }
        try await self.watch(plane, as: agent) { updates async throws in
            _ = try await updates.next()
            try await self.holding(count - 1, plane, as: agent, body)
        }
    }

    @Test("a shutdown ends streams with UNAVAILABLE")
    func shutdownEndsStreams() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let ended = try await refusal {
                try await self.watch(plane, as: agent) { updates async throws in
                    _ = try await updates.next()
                    await plane.shutDown()
                    while try await updates.next() != nil {}
                }
            }
            #expect(ended == Refusal(.unavailable, "the server is shutting down"))
        }
    }
}
