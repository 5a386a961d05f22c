import Registration

/// Registration entries.
enum EntriesTable {
    /// `similarity` is the hash of parent, SPIFFE ID and selectors: one entry may have each.
    static let creation = """
        CREATE TABLE entries (
            id TEXT NOT NULL PRIMARY KEY,
            similarity TEXT NOT NULL UNIQUE,
            spiffe_id TEXT NOT NULL,
            parent_id TEXT NOT NULL,
            selectors TEXT NOT NULL,
            x509_svid_ttl BIGINT,
            jwt_svid_ttl BIGINT,
            federates_with TEXT NOT NULL,
            admin SMALLINT NOT NULL,
            downstream SMALLINT NOT NULL,
            expires_at BIGINT,
            dns_names TEXT NOT NULL,
            store_svid SMALLINT NOT NULL,
            hint TEXT NOT NULL,
            disable_x509_svid_prefetch SMALLINT NOT NULL,
            jwt_svid_include_jti SMALLINT NOT NULL,
            revision BIGINT NOT NULL,
            created_at BIGINT NOT NULL
        )
        """

    /// The order in which ``EntriesTable/arguments(_:)`` binds and ``EntriesTable/entry(_:)`` reads, after `similarity`.
    private static let columns = """
        spiffe_id, parent_id, selectors, x509_svid_ttl, jwt_svid_ttl, federates_with, admin, downstream, \
        expires_at, dns_names, store_svid, hint, disable_x509_svid_prefetch, jwt_svid_include_jti, revision, created_at, id
        """

    private static let selection = "SELECT \(Self.columns) FROM entries"

    private static let insertion = """
        INSERT INTO entries (similarity, \(Self.columns))
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """

    private static let replacement = """
        UPDATE entries SET similarity = ?, spiffe_id = ?, parent_id = ?, selectors = ?, x509_svid_ttl = ?,
            jwt_svid_ttl = ?, federates_with = ?, admin = ?, downstream = ?, expires_at = ?, dns_names = ?,
            store_svid = ?, hint = ?, disable_x509_svid_prefetch = ?, jwt_svid_include_jti = ?, revision = ?,
            created_at = ?
        WHERE id = ?
        """

    static func all(_ sql: any SQLConnection) throws(StoreFailure) -> [RegistrationEntry] {
        try sql.rows(of: Self.selection, [], Self.entry)
    }

    static func entry(_ sql: any SQLConnection, id: String) throws(StoreFailure) -> RegistrationEntry? {
        try sql.row(of: "\(Self.selection) WHERE id = ?", [.text(id)], Self.entry)
    }

    /// The entry that gives the same identity to the same workloads.
    static func similar(
        _ sql: any SQLConnection, to content: EntryContent
    ) throws(StoreFailure) -> RegistrationEntry? {
        try Self.similar(sql, similarity: Similarity.hash(of: content))
    }

    static func insert(
        _ sql: any SQLConnection, _ entry: RegistrationEntry
    ) throws(StoreFailure) -> Result<RegistrationEntry, EntryStoreError> {
        let similarity = Similarity.hash(of: entry.content)
        let inserted = try sql.execute(Self.insertion, [.text(similarity)] + Self.arguments(entry))
        if inserted == 1 { return .success(entry) }
        if let other = try Self.similar(sql, similarity: similarity) { return .failure(.alreadyExists(other)) }
        return .failure(.idTaken(entry.id))
    }

    static func update(
        _ sql: any SQLConnection, id: String, _ update: EntryUpdate
    ) throws(StoreFailure) -> Result<RegistrationEntry, EntryStoreError> {
        guard let current = try Self.entry(sql, id: id) else { return .failure(.notFound(id)) }
        let next = current.updated(by: update)
        let similarity = Similarity.hash(of: next.content)
        if let other = try Self.similar(sql, similarity: similarity), other.id != id {
            return .failure(.alreadyExists(other))
        }
        try sql.execute(Self.replacement, [.text(similarity)] + Self.arguments(next))
        return .success(next)
    }

    static func delete(
        _ sql: any SQLConnection, id: String
    ) throws(StoreFailure) -> Result<RegistrationEntry, EntryStoreError> {
        guard let current = try Self.entry(sql, id: id) else { return .failure(.notFound(id)) }
        try sql.execute("DELETE FROM entries WHERE id = ?", [.text(id)])
        return .success(current)
    }

    private static func similar(
        _ sql: any SQLConnection, similarity: String
    ) throws(StoreFailure) -> RegistrationEntry? {
        try sql.row(of: "\(Self.selection) WHERE similarity = ?", [.text(similarity)], Self.entry)
    }
}
