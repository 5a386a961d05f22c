import Authority
import Datastore
import FoundationEssentials
import NodeAttestation
import Registration
import Testing

@Suite("AuthorityJournal", .timeLimit(.minutes(1)))
struct AuthorityJournalContract {
    private func records(sequence: UInt64, slot: AuthorityRecords.Slot = .active) -> AuthorityRecords {
        var records = AuthorityRecords()
        records.bundleSequence = sequence
        records.refreshHintSeconds = 300
        records.x509 = [.init(slot: slot, keyName: "x509-a", issuedAtSeconds: 1_800_000_000, certificate: "MIIB+/==")]
        records.jwt = [
            .init(
                slot: slot, keyName: "jwt-a", keyID: "kid", issuedAtSeconds: -1, expiresAtSeconds: .max,
                publicKey: "MFkw")
        ]
        return records
    }

    @Test("a new store has the empty records", arguments: TestedStore.all)
    func new(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let records = try await store.load()
            #expect(records == AuthorityRecords())
        }
    }

    @Test("records come back as they were saved last", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        try await kind.withStore { store in
            for records in [self.records(sequence: 1), self.records(sequence: .max, slot: .old)] {
                try await store.save(records, now: Fixture.now)
                #expect(try await store.load() == records)
            }
        }
    }

    @Test(
        "a changed bundle takes a number of the change log, a change of slots alone does not",
        arguments: TestedStore.all)
    func changes(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await store.save(self.records(sequence: 1, slot: .prepared), now: Fixture.now)
            try await store.save(self.records(sequence: 1, slot: .active), now: Fixture.now)
            try await store.save(self.records(sequence: 2, slot: .old), now: Fixture.later)
            #expect(
                try await store.changes(after: 0, limit: 10)
                    == .changes([
                        Change(number: 1, kind: .bundle, key: "example.org", actor: .server, time: Fixture.now),
                        Change(number: 2, kind: .bundle, key: "example.org", actor: .server, time: Fixture.later),
                    ]))
        }
    }
}
