import Datastore
import Foundation
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("Twenty thousand entries", .timeLimit(.minutes(5)))
struct ScaleTests {
    @Test("20,000 entries are created in batches of 500, loaded and indexed whole; the costs are printed as ratios")
    func create() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("store.db")
            let trustDomain = try TrustDomain(parsing: "example.org")
            let entries = try (0..<20_000).map { number in
                try Fixture.entry(
                    UUID().uuidString.lowercased(), "/ns/prod/sa/service-\(number)", parent: "/node/\(number % 200)",
                    selectors: ["k8s:ns:prod", "k8s:sa:service-\(number)", "unix:uid:\(number)"])
            }
            let store = try Datastore(path: path, trustDomain: trustDomain)
            let clock = ContinuousClock()

            let single = try await clock.measure {
                for entry in entries[..<100] {
                    _ = try await store.apply([.create(entry)], actor: .uid(0), now: Fixture.now)
                }
            }
            let batched = try await clock.measure {
                for start in stride(from: 100, to: entries.count, by: 500) {
                    let batch = entries[start..<min(start + 500, entries.count)]
                    _ = try await store.apply(batch.map(EntryChange.create), actor: .uid(0), now: Fixture.now)
                }
            }
            var snapshot = EntrySnapshot(entries: [], position: try await store.position())
            let load = try await clock.measure { snapshot = try await store.snapshot() }
            var index = EntryIndex()
            let indexing = clock.measure { index = EntryIndex(snapshot.entries) }
            let agent = try Fixture.id("/node/7")
            let lookup = clock.measure {
                for _ in 0..<100 { #expect(index.authorizedEntries(for: [agent], now: .distantPast).count == 100) }
            }

            #expect(snapshot.position.number == 20_000)
            #expect(Array(index.entries()) == entries.sorted { $0.id < $1.id })
            let each = batched / 19_900
            func ratio(_ duration: Duration) -> String { String(format: "%.2f", duration / each) }
            print(
                """
                cost of an entry, as multiples of its creation in a batch of 500 (here 1 = \(each)): \
                created alone \(ratio(single / 100)), loaded \(ratio(load / 20_000)), \
                indexed \(ratio(indexing / 20_000)), authorised for its agent \(ratio(lookup / 10_000)); load of all \(load)
                """)
        }
    }
}
