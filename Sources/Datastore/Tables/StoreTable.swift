import Registration
import SPIFFE

/// The one row that says what the store is: its schema version, its trust domain and its current epoch.
///
/// The layout of this table is the same in every schema version.
enum StoreTable {
    /// Makes the tables of a new store or brings those of an older one up to date, and begins an epoch.
    ///
    /// Each opening begins one, for the file may be a copy that others went on from: numbers that are handed out from
    /// here on are no others' numbers, and of those handed out before, the file itself says up to where they are true.
    ///
    /// - Returns: The new epoch.
    static func open(
        _ sql: any SQLConnection, trustDomain: TrustDomain
    ) throws(StoreFailure) -> Result<String, DatastoreError> {
        try sql.execute(Self.creation)
        let epoch = Self.makeEpoch()
        guard let store = try Self.row(sql) else {
            try Schema.migrate(sql, from: 0)
            try sql.execute(
                "INSERT INTO store (id, schema_version, trust_domain, epoch) VALUES (1, ?, ?, ?)",
                [.integer(Int64(Schema.version)), .text(trustDomain.name), .text(epoch)])
            return .success(epoch)
        }
        if store.version > Schema.version {
            return .failure(.newerSchema(stored: store.version, supported: Schema.version))
        }
        if store.trustDomain != trustDomain.name {
            return .failure(.otherTrustDomain(stored: store.trustDomain, configured: trustDomain))
        }
        try Schema.migrate(sql, from: store.version)
        try EarlierEpochsTable.add(sql, epoch: store.epoch, last: ChangesTable.last(sql))
        try sql.execute(
            "UPDATE store SET schema_version = ?, epoch = ?", [.integer(Int64(Schema.version)), .text(epoch)])
        return .success(epoch)
    }

    private static func row(
        _ sql: any SQLConnection
    ) throws(StoreFailure) -> (version: Int, trustDomain: String, epoch: String)? {
        try sql.row(of: "SELECT schema_version, trust_domain, epoch FROM store") { row throws(StoreFailure) in
            guard let version = Int(exactly: try row.integer(0)), version > 0 else {
                throw .damaged("the schema version is not a positive number")
            }
            return (version, try row.text(1), try row.text(2))
        }
    }

    /// 128 random bits in 32 hexadecimal digits.
    private static func makeEpoch() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            return byte < 16 ? "0\(String(byte, radix: 16))" : String(byte, radix: 16)
        }.joined()
    }

    private static let creation = """
        CREATE TABLE IF NOT EXISTS store (
            id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
            schema_version BIGINT NOT NULL,
            trust_domain TEXT NOT NULL,
            epoch TEXT NOT NULL
        )
        """
}
