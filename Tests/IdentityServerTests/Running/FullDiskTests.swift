import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("when the disk is full", .timeLimit(.minutes(1)))
struct FullDiskTests {
    private static let full = Refusal(
        .unavailable, "the server's store is full, nothing was changed: try again later")

    /// A batch that no free page of a small store takes.
    private func makeBatch(_ name: String, below agent: TestIdentity) -> [Spire_Api_Types_Entry] {
        (0..<1_000).map { makeEntry("/\(name)/\($0)", parent: agent.id.path) }
    }

    private func create(_ plane: ControlPlaneUnderTest, _ entries: [Spire_Api_Types_Entry]) async throws -> Int {
        try await plane.local { client async throws in
            try await client.call(EntryMethods.batchCreateEntry, .with { $0.entries = entries })
                .results.count { $0.status.code == 0 }
        }
    }

    @Test("writes are refused whole, what is in memory is served, and work goes on when there is room")
    func full() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/web", parent: agent.id.path) { $0.id = "web" })
            try await plane.remote(as: agent) { client async throws in
                try await client.stream(SyncMethods.watchAuthorizedEntries, .init()) { responses async throws in
                    let updates = Messages(responses)
                    #expect(try await updates.next()?.entries.map(\.id) == ["web"])

                    // As many pages as it has.
                    try await plane.database.execute("PRAGMA max_page_count = 1")
                    for name in ["a", "b"] {
                        let batch = self.makeBatch(name, below: agent)
                        #expect(try await refusal { try await self.create(plane, batch) } == Self.full)
                    }
                    try await self.expectReads(plane, client)
                    #expect(plane.log.text.contains("error the store failed"))
                    #expect(plane.log.text.contains("SQLite 13: database or disk is full"))

                    try await plane.database.execute("PRAGMA max_page_count = 1000000")
                    #expect(try await self.create(plane, self.makeBatch("c", below: agent)) == 1_000)
                    #expect(plane.log.text.contains("info the store works again"))
                    // Nothing of what was refused.
                    let next = try #require(try await updates.next())
                    #expect(next.entries.allSatisfy { $0.spiffeID.path.hasPrefix("/c/") })
                    #expect(next.removedEntryIds.isEmpty)
                }
            }
        }
    }

    /// Everything that needs no write works, with the entries that were acknowledged.
    private func expectReads(_ plane: ControlPlaneUnderTest, _ agent: Client) async throws {
        #expect(try await agent.call(EntryMethods.getAuthorizedEntries, .init()).entries.map(\.id) == ["web"])
        let csr = try makeCSR()
        let reply = try await agent.call(
            SVIDMethods.batchNewX509SVID,
            .with {
                $0.params = [
                    .with {
                        $0.entryID = "web"; $0.csr = csr
                    }
                ]
            })
        #expect(reply.results.map(\.status.message) == ["OK"])
        #expect(try await plane.remote(as: nil) { try await $0.call(BundleMethods.getBundle, .init()) }.hasX509)
        try await plane.local { admin async throws in
            #expect(try await admin.call(EntryMethods.countEntries, .init()).count == 1)
            #expect(try await admin.call(AgentMethods.countAgents, .init()).count == 1)
            #expect(try await admin.call(HealthMethods.check, .init()).status == .serving)
        }
    }
}

extension Spire_Api_Types_Bundle {
    fileprivate var hasX509: Bool { !self.x509Authorities.isEmpty }
}
