import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("entries as large as they may be", .timeLimit(.minutes(1)))
struct LargeEntriesTests {
    /// Four fill a message.
    private func create(_ count: Int, _ plane: ControlPlaneUnderTest, below agent: TestIdentity) async throws {
        for number in 0..<count {
            try await plane.createEntry(
                makeEntry("/\(number)", parent: agent.id.path) { entry in
                    entry.id = "\(number)"
                    entry.selectors = (0..<256).map { index in
                        .with {
                            $0.type = "unix"
                            $0.value = "path:/\(index)/" + String(repeating: "x", count: 1_900)
                        }
                    }
                })
        }
    }

    private func bytes(_ entries: [Spire_Api_Types_Entry]) throws -> Int {
        try entries.reduce(0) { try $0 + $1.serializedData().count }
    }

    @Test("arrive in messages that gRPC clients take, as pushes and when they are asked for")
    func pages() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await self.create(6, plane, below: agent)
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    let first = try #require(try await updates.next())
                    let second = try #require(try await updates.next())
                    #expect([first, second].map(\.entries.count) == [4, 2])
                    #expect([first, second].map(\.more) == [true, false])
                    #expect(try self.bytes(first.entries) <= 2 << 20)
                }
                try await client.converse(
                    EntryMethods.syncAuthorizedEntries,
                    requests: { writer in
                        try await writer.write(.init())
                        try await writer.write(.with { $0.ids = (0..<6).map { "\($0)" } })
                    }
                ) { responses async throws in
                    let replies = Messages(responses)
                    #expect(try await replies.next()?.entryRevisions.count == 6)
                    #expect(try await replies.next()?.entries.count == 4)
                    #expect(try await replies.next()?.entries.count == 2)
                }
            }
        }
    }

    @Test("are listed in pages that gRPC clients take")
    func listed() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await self.create(6, plane, below: agent)
            try await plane.local { client async throws in
                let first = try await client.call(EntryMethods.listEntries, .init())
                #expect(first.entries.map(\.id) == ["0", "1", "2", "3"])
                #expect(try self.bytes(first.entries) <= 2 << 20)
                let second = try await client.call(
                    EntryMethods.listEntries, .with { $0.pageToken = first.nextPageToken })
                #expect(second.entries.map(\.id) == ["4", "5"])
                #expect(second.nextPageToken.isEmpty)
            }
        }
    }

    @Test("more changes than are told one by one are told as everything")
    func manyChanges() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let first = try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    try #require(try await Messages(responses).next())
                }
            }
            try await plane.local { client async throws in
                for batch in 0..<11 {
                    let entries = (0..<1_000).map { makeEntry("/\(batch)/\($0)", parent: agent.id.path) }
                    let reply = try await client.call(EntryMethods.batchCreateEntry, .with { $0.entries = entries })
                    let ids = reply.results.map(\.entry.id)
                    _ = try await client.call(EntryMethods.batchDeleteEntry, .with { $0.ids = ids })
                }
            }
            let request = Signet_Agent_V1_WatchAuthorizedEntriesRequest.with {
                $0.epoch = first.epoch
                $0.sequence = first.sequence
            }
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, request) { responses async throws in
                    let update = try #require(try await Messages(responses).next())
                    #expect(update.full)
                    #expect(update.entries.isEmpty)
                    #expect(update.removedEntryIds.isEmpty)
                }
            }
        }
    }
}
