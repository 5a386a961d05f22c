import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("entries an agent is authorised for", .timeLimit(.minutes(2)))
struct AuthorizedEntriesTests {
    private func authorized(_ plane: ControlPlaneUnderTest, as agent: TestIdentity) async throws -> Set<String> {
        let reply = try await plane.remote(as: agent) { try await $0.call(EntryMethods.getAuthorizedEntries, .init()) }
        return Set(reply.entries.map(\.id))
    }

    @Test("are those below it, also through other entries and in a circle, and nobody else's")
    func transitive() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let other = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "child" })
            try await plane.createEntry(makeEntry("/b", parent: "/a") { $0.id = "grandchild" })
            try await plane.createEntry(makeEntry("/a", parent: "/b") { $0.id = "circle" })
            try await plane.createEntry(makeEntry("/c", parent: other.id.path) { $0.id = "other" })
            try await plane.createEntry(makeEntry("/d", parent: "/spire/server") { $0.id = "node" })
            #expect(try await self.authorized(plane, as: agent) == ["child", "grandchild", "circle"])
            #expect(try await self.authorized(plane, as: other) == ["other"])
        }
    }

    @Test("have only the fields that the mask names")
    func mask() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/a", parent: agent.id.path) { $0.id = "a" })
            let reply = try await plane.remote(as: agent) {
                try await $0.call(EntryMethods.getAuthorizedEntries, .with { $0.outputMask.spiffeID = true })
            }
            #expect(
                reply.entries == [
                    .with {
                        $0.id = "a"; $0.spiffeID = .init("/a")
                    }
                ])
        }
    }

    private func createMany(_ count: Int, _ plane: ControlPlaneUnderTest, parent: String) async throws {
        try await plane.local { client async throws in
            for start in stride(from: 0, to: count, by: 600) {
                let entries = (start..<min(start + 600, count)).map { number in
                    makeEntry("/w/\(number)", parent: parent) { $0.id = "entry-\(number)" }
                }
                let reply = try await client.call(EntryMethods.batchCreateEntry, .with { $0.entries = entries })
                #expect(reply.results.allSatisfy { $0.status.code == 0 })
            }
        }
    }

    private typealias SyncResponse = Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesResponse

    @Test("up to 500 are synced in one message")
    func syncOnePage() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await self.createMany(500, plane, parent: agent.id.path)
            let replies = try await plane.remote(as: agent) { client async throws in
                try await client.converse(
                    EntryMethods.syncAuthorizedEntries, requests: { try await $0.write(.init()) }
                ) { try await $0.reduce(into: [SyncResponse]()) { $0.append($1) } }
            }
            #expect(replies.map(\.entries.count) == [500])
            #expect(replies.map(\.more) == [false])
        }
    }

    @Test("1,200 are synced as three pages of revisions, then page by page as asked for")
    func syncPages() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await self.createMany(1_200, plane, parent: agent.id.path)
            let wanted = (0..<700).map { "entry-\($0)" } + ["not-mine"]
            let replies = try await plane.remote(as: agent) { client async throws in
                try await client.converse(
                    EntryMethods.syncAuthorizedEntries,
                    requests: { writer in
                        try await writer.write(
                            .with {
                                $0.outputMask.revisionNumber = true
                                $0.outputMask.hint = true
                            })
                        try await writer.write(.with { $0.ids = wanted })
                        try await writer.write(.with { $0.ids = ["entry-1199"] })
                    }
                ) { try await $0.reduce(into: [SyncResponse]()) { $0.append($1) } }
            }
            #expect(replies.map(\.entryRevisions.count) == [500, 500, 200, 0, 0, 0])
            #expect(replies.map(\.entries.count) == [0, 0, 0, 500, 200, 1])
            #expect(replies.map(\.more) == [true, true, false, true, false, false])
            #expect(Set(replies.flatMap(\.entryRevisions).map(\.id)).count == 1_200)
            #expect(Set(replies[3...4].flatMap(\.entries).map(\.id)) == Set(wanted.dropLast()))
            #expect(replies[5].entries == [.with { $0.id = "entry-1199" }])
        }
    }

    @Test("a sync without the revision number, or with IDs at first, is refused")
    func refusedSync() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            for (request, message) in [
                (.with { $0.outputMask.hint = true }, "revision number cannot be masked"),
                (.with { $0.ids = ["x"] }, "specifying IDs on initial request is not supported"),
            ] as [(Spire_Api_Server_Entry_V1_SyncAuthorizedEntriesRequest, String)] {
                let refused = try await refusal {
                    try await plane.remote(as: agent) { client async throws in
                        try await client.converse(
                            EntryMethods.syncAuthorizedEntries, requests: { try await $0.write(request) }
                        ) { for try await _ in $0 {} }
                    }
                }
                #expect(refused == Refusal(.invalidArgument, message))
            }
        }
    }
}
