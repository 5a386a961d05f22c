import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import SwiftProtobuf
import TestSupport
import Testing

@Suite("listing entries", .timeLimit(.minutes(1)))
struct EntryListingTests {
    private typealias Filter = Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter

    private func seed(_ plane: ControlPlaneUnderTest) async throws {
        for (id, path, parent, selectors, hint) in [
            ("1", "/a", "/n", ["uid:1"], ""), ("2", "/b", "/n", ["uid:1", "gid:1"], "x"),
            ("3", "/a", "/m", ["gid:1"], "x"), ("4", "/c", "/m", ["uid:1", "gid:1", "path:/p"], ""),
        ] {
            try await plane.createEntry(
                makeEntry(path, parent: parent) {
                    $0.id = id
                    $0.hint = hint
                    $0.selectors = unixSelectors(selectors)
                })
        }
    }

    @Test(
        "lists what the filter asks for, and counts as many",
        arguments: [
            ([], "1234"),
            ([.spiffeID("/a")], "13"),
            ([.parentID("/m")], "34"),
            ([.hint("x")], "23"),
            ([.hint("")], "1234"),
            ([.downstream(false)], "1234"),
            ([.downstream(true)], ""),
            ([.selectors(["uid:1", "gid:1"], .matchExact)], "2"),
            ([.selectors(["uid:1", "gid:1"], .matchSubset)], "123"),
            ([.selectors(["uid:1", "gid:1"], .matchSuperset)], "24"),
            ([.selectors(["path:/p", "gid:1"], .matchAny)], "234"),
            ([.federatesWith(["other.org"], .matchAny)], ""),
            ([.parentID("/n"), .hint("x")], "2"),
        ] as [([FilterPart], String)])
    func filters(parts: [FilterPart], ids: String) async throws {
        try await withControlPlane { plane async throws in
            try await self.seed(plane)
            var list = Filter()
            var count = Spire_Api_Server_Entry_V1_CountEntriesRequest.Filter()
            for part in parts {
                part.apply(to: &list)
                part.apply(to: &count)
            }
            let (listed, counted) = try await plane.local { [list, count] client in
                (
                    try await client.call(EntryMethods.listEntries, .with { $0.filter = list }).entries.map(\.id),
                    try await client.call(EntryMethods.countEntries, .with { $0.filter = count }).count
                )
            }
            #expect(listed == ids.map(String.init))
            #expect(counted == Int32(ids.count))
        }
    }

    @Test("pages have the size that is asked for and end with an empty token")
    func paging() async throws {
        try await withControlPlane { plane async throws in
            try await self.seed(plane)
            let pages = try await plane.local { client async throws in
                var pages: [String] = []
                var token = ""
                repeat {
                    let asked = token
                    let page = try await client.call(
                        EntryMethods.listEntries,
                        .with {
                            $0.pageSize = 3; $0.pageToken = asked
                        })
                    pages.append(page.entries.map(\.id).joined())
                    token = page.nextPageToken
                } while !token.isEmpty
                return pages
            }
            #expect(pages == ["123", "4"])
        }
    }

    @Test(
        "a malformed filter is named in the refusal",
        arguments: [
            (
                .spiffeID("/spire/x"),
                "malformed SPIFFE ID filter: \"spiffe://example.org/spire/x\" is in the reserved namespace /spire"
            ),
            (.parentID(""), "malformed parent ID filter: \"spiffe://example.org\" has no path"),
            (
                .selectors([], .matchExact),
                "malformed selectors filter: selectors: the filter compares with an empty set"
            ),
            (
                .federatesWith([], .matchExact),
                "malformed federates with filter: federates_with: the filter compares with an empty set"
            ),
        ] as [(FilterPart, String)])
    func malformedFilter(part: FilterPart, message: String) async throws {
        try await withControlPlane { plane async throws in
            var filter = Filter()
            part.apply(to: &filter)
            let refused = try await refusal {
                try await plane.local { [filter] in
                    try await $0.call(EntryMethods.listEntries, .with { $0.filter = filter })
                }
            }
            #expect(refused == Refusal(.invalidArgument, message))
        }
    }

    @Test("a negative page size is refused")
    func negativePageSize() async throws {
        try await withControlPlane { plane async throws in
            let refused = try await refusal {
                try await plane.local { try await $0.call(EntryMethods.listEntries, .with { $0.pageSize = -1 }) }
            }
            #expect(refused == Refusal(.invalidArgument, "page size is negative"))
        }
    }
}

/// One part of an entry filter; the wire has the same filter as two types.
enum FilterPart: Sendable {
    case spiffeID(String)
    case parentID(String)
    case selectors([String], Spire_Api_Types_SelectorMatch.MatchBehavior)
    case federatesWith([String], Spire_Api_Types_FederatesWithMatch.MatchBehavior)
    case hint(String)
    case downstream(Bool)

    func apply(to filter: inout Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter) {
        switch self {
        case .spiffeID(let path): filter.bySpiffeID = .init(path)
        case .parentID(let path): filter.byParentID = .init(path)
        case .selectors(let values, let match):
            filter.bySelectors = .with {
                $0.selectors = unixSelectors(values); $0.match = match
            }
        case .federatesWith(let names, let match):
            filter.byFederatesWith = .with {
                $0.trustDomains = names; $0.match = match
            }
        case .hint(let hint): filter.byHint = .init(hint)
        case .downstream(let downstream): filter.byDownstream = .init(downstream)
        }
    }

    func apply(to filter: inout Spire_Api_Server_Entry_V1_CountEntriesRequest.Filter) {
        switch self {
        case .spiffeID(let path): filter.bySpiffeID = .init(path)
        case .parentID(let path): filter.byParentID = .init(path)
        case .selectors(let values, let match):
            filter.bySelectors = .with {
                $0.selectors = unixSelectors(values); $0.match = match
            }
        case .federatesWith(let names, let match):
            filter.byFederatesWith = .with {
                $0.trustDomains = names; $0.match = match
            }
        case .hint(let hint): filter.byHint = .init(hint)
        case .downstream(let downstream): filter.byDownstream = .init(downstream)
        }
    }
}

func unixSelectors(_ values: [String]) -> [Spire_Api_Types_Selector] {
    values.map { value in
        .with {
            $0.type = "unix"; $0.value = value
        }
    }
}
