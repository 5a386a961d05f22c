package import Authority
package import FoundationEssentials
package import Registration
import SPIFFE

extension Datastore: AuthorityJournal {
    package func load() async throws(StoreFailure) -> AuthorityRecords {
        let json = try await self.database.read { sql throws(StoreFailure) in try AuthorityTable.records(sql) }
        return try Self.decode(json)
    }

    package func save(_ records: AuthorityRecords, now: Date) async throws(StoreFailure) {
        let json = try Self.encode(records)
        let trustDomain = self.trustDomain.name
        _ = try await self.commit(actor: .server, now: now) { sql, recorder throws(StoreFailure) in
            let before = try Self.decode(try AuthorityTable.records(sql))
            try AuthorityTable.put(sql, records: json)
            if before.bundleSequence != records.bundleSequence {
                try recorder.record(.bundle, trustDomain, on: sql)
            }
        }
    }

    private static func encode(_ records: AuthorityRecords) throws(StoreFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            return String(decoding: try encoder.encode(records), as: UTF8.self)
        } catch {
            throw .unavailable("the records of the authorities cannot be written as JSON")
        }
    }

    private static func decode(_ json: String?) throws(StoreFailure) -> AuthorityRecords {
        guard let json else { return AuthorityRecords() }
        do {
            return try JSONDecoder().decode(AuthorityRecords.self, from: Data(json.utf8))
        } catch {
            throw .damaged("the records of the authorities are unreadable")
        }
    }
}
