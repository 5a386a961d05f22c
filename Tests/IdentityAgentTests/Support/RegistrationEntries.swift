import FoundationEssentials
import Registration
import SPIFFE

/// An entry for tests without a wire.
func entry(
    _ id: String, _ path: String = "/web", selectors: [String] = ["unix:uid:1000"], revision: Int64 = 0,
    age: Double = 0, hint: String = "", prefetch: Bool = true, storeSVID: Bool = false
) throws -> RegistrationEntry {
    RegistrationEntry(
        id: id,
        content: EntryContent(
            spiffeID: try SPIFFEID(parsing: "spiffe://example.org\(path)"),
            parentID: try SPIFFEID(parsing: "spiffe://example.org/spire/agent/x"),
            selectors: try selectors.map { try Selector(parsing: $0) }, storeSVID: storeSVID, hint: hint,
            disableX509SVIDPrefetch: !prefetch),
        revision: revision, createdAt: Date(timeIntervalSince1970: 1_700_000_000 - age))
}

func selectors(_ texts: String...) throws -> Set<Selector> {
    Set(try texts.map { try Selector(parsing: $0) })
}
