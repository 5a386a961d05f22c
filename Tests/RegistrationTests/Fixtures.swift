import FoundationEssentials
import Registration
import SPIFFE

/// Short spellings for values of these tests.
enum Fixture {
    static let createdAt = Date(timeIntervalSince1970: 1_800_000_000)

    static func trustDomain(_ name: String = "example.org") throws -> TrustDomain {
        try TrustDomain(parsing: name)
    }

    static func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(parsing: "spiffe://example.org\(path)")
    }

    static func content(
        _ path: String = "/web", parent: String = "/node", selectors: [String] = ["unix:uid:1"],
        federatesWith: [String] = [], expiresAt: Date? = nil, hint: String = ""
    ) throws -> EntryContent {
        EntryContent(
            spiffeID: try self.id(path), parentID: try self.id(parent),
            selectors: try selectors.map { try Selector(parsing: $0) },
            federatesWith: try federatesWith.map { try TrustDomain(parsing: $0) }, expiresAt: expiresAt, hint: hint)
    }

    static func entry(
        _ id: String, _ path: String = "/web", parent: String = "/node", selectors: [String] = ["unix:uid:1"],
        federatesWith: [String] = [], expiresAt: Date? = nil, hint: String = ""
    ) throws -> RegistrationEntry {
        RegistrationEntry(
            id: id,
            content: try self.content(
                path, parent: parent, selectors: selectors, federatesWith: federatesWith, expiresAt: expiresAt,
                hint: hint),
            createdAt: self.createdAt)
    }

    /// A draft that is right in every field.
    static func draft() -> EntryDraft {
        var draft = EntryDraft()
        draft.spiffeID = EntryDraft.ID(trustDomain: "example.org", path: "/web")
        draft.parentID = EntryDraft.ID(trustDomain: "example.org", path: "/node")
        draft.selectors = [EntryDraft.Selector(type: "unix", value: "uid:1")]
        return draft
    }
}
