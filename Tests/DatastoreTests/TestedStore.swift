import AccessGrants
import AccessTokens
import Authority
import Datastore
import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import TestSupport
import Testing

/// A store that the contract suites run over; a second kind of database is one more value in ``all``.
struct TestedStore: Sendable, CustomTestStringConvertible {
    typealias Store = any EntryStore & ChangeLog & NodeStore & JoinTokenStore & AuthorityJournal & AccessStore
        & RevocationStore

    let testDescription: String
    private let open: @Sendable (TemporaryDirectory, DatastoreLimits) throws -> Store

    static let all = [
        TestedStore(testDescription: "SQLite") { directory, limits in
            try Datastore(
                path: directory.path("store.db"), trustDomain: TrustDomain(parsing: "example.org"), limits: limits)
        }
    ]

    init(testDescription: String, open: @escaping @Sendable (TemporaryDirectory, DatastoreLimits) throws -> Store) {
        self.testDescription = testDescription
        self.open = open
    }

    /// Runs `body` with a new, empty store.
    func withStore<Result>(
        limits: DatastoreLimits = DatastoreLimits(), _ body: (Store) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            try await body(self.open(directory, limits))
        }
    }
}

/// Short spellings for values of these tests.
enum Fixture {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    static let later = Date(timeIntervalSince1970: 1_800_000_600)

    static func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(parsing: "spiffe://example.org\(path)")
    }

    static func content(
        _ path: String = "/web", parent: String = "/node", selectors: [String] = ["unix:uid:1"], hint: String = ""
    ) throws -> EntryContent {
        EntryContent(
            spiffeID: try self.id(path), parentID: try self.id(parent),
            selectors: try selectors.map { try Selector(parsing: $0) }, hint: hint)
    }

    static func entry(
        _ id: String, _ path: String = "/web", parent: String = "/node", selectors: [String] = ["unix:uid:1"],
        hint: String = ""
    ) throws -> RegistrationEntry {
        RegistrationEntry(
            id: id, content: try self.content(path, parent: parent, selectors: selectors, hint: hint),
            createdAt: self.now)
    }

    static func agent(_ token: String = "a", serialNumber: String = "1", banned: Bool = false) throws -> AttestedAgent {
        AttestedAgent(
            id: try self.id("/spire/agent/join_token/\(token)"), attestationType: "join_token",
            serialNumber: serialNumber, expiresAt: self.later, selectors: [try Selector(parsing: "a:b")], banned: banned
        )
    }
}

extension ChangeLog {
    /// Everything after a number, as (kind, key) with the numbers checked to be gap-free.
    func keys(
        after number: UInt64 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [String] {
        guard case .changes(let changes) = try await self.changes(after: number, limit: .max) else {
            Issue.record("the changes after \(number) are not retained", sourceLocation: sourceLocation)
            return []
        }
        let numbers = changes.map(\.number)
        #expect(numbers == Array((number + 1)..<(number + 1 + UInt64(numbers.count))), sourceLocation: sourceLocation)
        return changes.map { "\($0.kind.rawValue) \($0.key)" }
    }
}
