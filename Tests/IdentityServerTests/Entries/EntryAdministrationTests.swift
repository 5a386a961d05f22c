import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import SwiftProtobuf
import TestSupport
import Testing

@Suite("administration of entries", .timeLimit(.minutes(1)))
struct EntryAdministrationTests {
    private let full = makeEntry("/web", parent: "/nodes/one") {
        $0.selectors.append(
            .with {
                $0.type = "unix"; $0.value = "path:/usr/bin/web"
            })
        $0.x509SvidTtl = 1_200
        $0.jwtSvidTtl = 60
        $0.admin = true
        $0.expiresAt = 1_900_000_000
        $0.dnsNames = ["web.example.org", "*.web.example.org"]
        $0.hint = "internal"
        $0.additionalAttributes.disableX509SvidPrefetch = true
        $0.additionalAttributes.jwtSvidIncludeJti = true
    }

    @Test("an entry comes back as it was made, with an ID, a revision and a time of creation")
    func roundTrip() async throws {
        try await withControlPlane { plane async throws in
            let created = try await plane.createEntry(self.full)
            #expect(UUID(uuidString: created.id) != nil)
            var expected = self.full
            expected.id = created.id
            expected.selectors.sort { $0.value < $1.value }
            expected.createdAt = Int64(plane.time.now.timeIntervalSince1970)
            #expect(created == expected)
            let read = try await plane.local { try await $0.call(EntryMethods.getEntry, .with { $0.id = created.id }) }
            #expect(read == expected)
        }
    }

    @Test("an entry whose SVID goes to a store comes back as such")
    func stored() async throws {
        try await withControlPlane { plane async throws in
            #expect(try await plane.createEntry(makeEntry("/web", parent: "/n") { $0.storeSvid = true }).storeSvid)
        }
    }

    @Test("an ID of one's own is kept")
    func ownID() async throws {
        try await withControlPlane { plane async throws in
            #expect(try await plane.createEntry(makeEntry("/web", parent: "/n") { $0.id = "web-1" }).id == "web-1")
        }
    }

    @Test("a mask of the output leaves out what it does not name, but for the ID")
    func outputMask() async throws {
        try await withControlPlane { plane async throws in
            let result = try await plane.local {
                try await $0.call(
                    EntryMethods.batchCreateEntry,
                    .with {
                        $0.entries = [self.full]
                        $0.outputMask.hint = true
                    })
            }.results[0]
            #expect(
                result.entry
                    == .with {
                        $0.id = result.entry.id; $0.hint = "internal"
                    })
        }
    }

    @Test("in a batch each entry succeeds or fails alone")
    func partialFailure() async throws {
        try await withControlPlane { plane async throws in
            let reply = try await plane.local { client async throws in
                try await client.call(
                    EntryMethods.batchCreateEntry,
                    .with {
                        $0.entries = [
                            makeEntry("/a", parent: "/n") { $0.id = "a" },
                            makeEntry("/spire/b", parent: "/n"),
                            makeEntry("/c", parent: "/n") { $0.id = "c" },
                            makeEntry("/a", parent: "/n"),
                            makeEntry("/d", parent: "/n") { $0.id = "c" },
                            makeEntry("/e", parent: "/n") { $0.selectors = [] },
                        ]
                    })
            }
            #expect(reply.results.map(\.status.code) == [0, 3, 0, 6, 6, 3])
            #expect(
                reply.results.map(\.status.message) == [
                    "OK",
                    "failed to convert entry: spiffe_id: /spire/b is reserved for the server: /spire and everything under it",
                    "OK",
                    "similar entry already exists",
                    "another entry has the ID c",
                    "failed to convert entry: selectors: must be given",
                ])
            #expect(reply.results.map(\.entry.id) == ["a", "", "c", "a", "", ""])
            #expect(try await plane.local { try await $0.call(EntryMethods.countEntries, .init()).count } == 2)
        }
    }

    @Test(
        "an entry is refused with the name of the field that is wrong",
        arguments: [
            Case("spiffe_id: must be given") { $0.clearSpiffeID() },
            Case("parent_id: must be given") { $0.clearParentID() },
            Case("spiffe_id: is in trust domain other.org, this server serves example.org") {
                $0.spiffeID.trustDomain = "other.org"
            },
            Case("spiffe_id: has no path") { $0.spiffeID.path = "" },
            Case("x509_svid_ttl: -1 s is not in 0…2147483647") { $0.x509SvidTtl = -1 },
            Case("jwt_svid_ttl: -1 s is not in 0…2147483647") { $0.jwtSvidTtl = -1 },
            Case("hint: has 1025 bytes, at most 1024 are allowed") { $0.hint = String(repeating: "x", count: 1_025) },
            Case("federates_with: there is no bundle of other.org") { $0.federatesWith = ["other.org"] },
            Case("downstream: downstream entries are not served") { $0.downstream = true },
            Case("dns_names: -x: a label begins or ends with '-'") { $0.dnsNames = ["-x"] },
            Case("id: may hold only letters, digits, '.', '_' and '-'") { $0.id = "a b" },
            Case("selectors: the selector type is empty") { $0.selectors = [.init()] },
        ] as [Case<Spire_Api_Types_Entry>])
    func refusedEntry(_ example: Case<Spire_Api_Types_Entry>) async throws {
        try await withControlPlane { plane async throws in
            let entry = makeEntry("/web", parent: "/n", example.change)
            let result = try await plane.local {
                try await $0.call(EntryMethods.batchCreateEntry, .with { $0.entries = [entry] })
            }.results[0]
            #expect(
                result.status
                    == .with {
                        $0.code = 3; $0.message = "failed to convert entry: \(example.message)"
                    })
        }
    }

    @Test("a batch above the limit is refused as a whole")
    func batchLimit() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                #expect(
                    try await refusal {
                        try await client.call(
                            EntryMethods.batchDeleteEntry,
                            .with { $0.ids = (0...1_000).map { "id-\($0)" } })
                    } == Refusal(.invalidArgument, "too many entry IDs in one batch: 1001, at most 1000"))
                #expect(
                    try await refusal {
                        try await client.call(
                            EntryMethods.batchCreateEntry,
                            .with { $0.entries = Array(repeating: .init(), count: 1_001) })
                    } == Refusal(.invalidArgument, "too many entries in one batch: 1001, at most 1000"))
            }
        }
    }

    @Test("an update replaces everything, one with a mask only what it names, and both raise the revision")
    func update() async throws {
        try await withControlPlane { plane async throws in
            let created = try await plane.createEntry(self.full)
            let masked = try await plane.local { client async throws in
                try await client.call(
                    EntryMethods.batchUpdateEntry,
                    .with {
                        $0.entries = [
                            .with {
                                $0.id = created.id; $0.hint = "external"; $0.admin = false
                            }
                        ]
                        $0.inputMask.hint = true
                    })
            }.results[0]
            #expect(masked.status.message == "OK")
            var expected = created
            expected.hint = "external"
            expected.revisionNumber = 1
            #expect(masked.entry == expected)

            let bare = makeEntry("/web2", parent: "/nodes/two") { $0.id = created.id }
            let replaced = try await plane.local { client async throws in
                try await client.call(EntryMethods.batchUpdateEntry, .with { $0.entries = [bare] })
            }.results[0]
            var replacement = bare
            replacement.revisionNumber = 2
            replacement.createdAt = created.createdAt
            #expect(replaced.entry == replacement)
        }
    }

    @Test("an update of nothing, of an unknown entry or to another's likeness fails alone")
    func refusedUpdates() async throws {
        try await withControlPlane { plane async throws in
            _ = try await plane.createEntry(makeEntry("/a", parent: "/n") { $0.id = "a" })
            _ = try await plane.createEntry(makeEntry("/b", parent: "/n") { $0.id = "b" })
            let reply = try await plane.local { client async throws in
                try await client.call(
                    EntryMethods.batchUpdateEntry,
                    .with {
                        $0.entries = [
                            .init(), .with { $0.id = "none" }, makeEntry("/a", parent: "/n") { $0.id = "b" },
                            makeEntry("/spire/x", parent: "/n") { $0.id = "a" },
                            makeEntry("/b", parent: "/m") { $0.id = "b" },
                        ]
                    })
            }
            #expect(reply.results.map(\.status.code) == [3, 5, 6, 3, 0])
            #expect(reply.results[0].status.message == "missing entry ID")
            #expect(reply.results[1].status.message == "entry not found")
        }
    }

    @Test("deletions succeed or fail one by one")
    func delete() async throws {
        try await withControlPlane { plane async throws in
            _ = try await plane.createEntry(makeEntry("/a", parent: "/n") { $0.id = "a" })
            let reply = try await plane.local { client async throws in
                try await client.call(EntryMethods.batchDeleteEntry, .with { $0.ids = ["", "a", "a"] })
            }
            #expect(reply.results.map(\.status.code) == [3, 0, 5])
            #expect(reply.results.map(\.status.message) == ["missing entry ID", "OK", "entry not found"])
            #expect(reply.results.map(\.id) == ["", "a", "a"])
        }
    }

    @Test("an entry is read by its ID, and not found without one")
    func getEntry() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                #expect(
                    try await refusal { try await client.call(EntryMethods.getEntry, .init()) }
                        == Refusal(.invalidArgument, "missing ID"))
                #expect(
                    try await refusal { try await client.call(EntryMethods.getEntry, .with { $0.id = "none" }) }
                        == Refusal(.notFound, "entry not found"))
            }
        }
    }

    @Test("20 creations of similar entries at once make one")
    func racedCreation() async throws {
        try await withControlPlane { plane async throws in
            let codes = try await plane.local { client async throws in
                try await withThrowingTaskGroup(of: Int32.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await client.call(
                                EntryMethods.batchCreateEntry, .with { $0.entries = [makeEntry("/web", parent: "/n")] }
                            ).results[0].status.code
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            #expect(codes.sorted() == [0] + Array(repeating: 6, count: 19))
        }
    }
}
