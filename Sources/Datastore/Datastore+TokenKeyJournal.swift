package import Authority
package import FoundationEssentials
import Registration

extension Datastore: TokenKeyJournal {
    package func loadTokenKeys() async throws -> TokenKeyRecords {
        let json = try await self.database.read { sql throws(StoreFailure) in try TokenKeysTable.records(sql) }
        guard let json else { return TokenKeyRecords() }
        do {
            return try JSONDecoder().decode(TokenKeyRecords.self, from: Data(json.utf8))
        } catch {
            throw StoreFailure.damaged("the records of the token keys are unreadable")
        }
    }

    package func save(_ records: TokenKeyRecords, now: Date) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let json = String(decoding: try encoder.encode(records), as: UTF8.self)
        try await self.database.write { sql throws(StoreFailure) in try TokenKeysTable.put(sql, records: json) }
    }
}
