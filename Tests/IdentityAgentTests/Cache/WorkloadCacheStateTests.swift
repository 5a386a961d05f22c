import FoundationEssentials
import IdentityAgent
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("What is signed, and when", .timeLimit(.minutes(1)))
struct WorkloadCacheStateTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)
    private let authority: TestAuthority

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    private func state(
        _ entries: [RegistrationEntry], svidLimit: Int = 1_000, batchLimit: Int = 500, parallel: Int = 4
    ) -> WorkloadCacheState {
        var state = WorkloadCacheState(
            bundle: self.authority.bundle, svidLimit: svidLimit, selectorTypes: ["unix"], maxBatchLimit: batchLimit,
            maxParallelBatches: parallel)
        state.replace(EntryTable(entries))
        return state
    }

    /// Signs everything that is planned, with SVIDs that live for an hour.
    private func sign(_ state: inout WorkloadCacheState, at now: Date) throws -> [String] {
        var random = SeededRandom(seed: 1)
        var signed: [String] = []
        for batch in state.plan(now: now).0.batches {
            var outcomes: [String: WorkloadCacheState.Outcome] = [:]
            for entry in batch {
                let svid = try self.authority.x509SVID(id: entry.spiffeID.uri) {
                    $0.notAfter = now.addingTimeInterval(3_600)
                }
                outcomes[entry.id] = .issued(WorkloadSVID(svid, entry: entry, issuedAt: now, using: &random))
                signed.append(entry.id)
            }
            state.complete(batch, outcomes, now: now, using: &random)
        }
        return signed
    }

    private func ids(_ plan: WorkloadCacheState.Plan) -> [[String]] { plan.batches.map { $0.map(\.id) } }

    @Test("every entry is signed for before anybody asks, the oldest first")
    func prefetch() throws {
        var state = self.state([try entry("new"), try entry("old", age: 10)])
        #expect(self.ids(state.plan(now: self.now).0) == [["old", "new"]])
    }

    @Test("what is under way is not begun again")
    func underWay() throws {
        var state = self.state([try entry("a")])
        _ = state.plan(now: self.now)
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
    }

    @Test("an SVID is renewed at half of its life, up to a tenth sooner or later, and not before")
    func renewal() throws {
        var state = self.state([try entry("a")])
        #expect(try self.sign(&state, at: self.now) == ["a"])
        let look = try #require(state.plan(now: self.now).0.nextLook)
        #expect((1_440...2_160).contains(look.timeIntervalSince(self.now)))
        #expect(self.ids(state.plan(now: look.addingTimeInterval(-0.001)).0).isEmpty)
        #expect(self.ids(state.plan(now: look).0) == [["a"]])
    }

    @Test("the life of an SVID is counted from its issuance, not from the time it is dated back to")
    func backdating() throws {
        var random = SeededRandom(seed: 1)
        let svid = try self.authority.x509SVID(id: "spiffe://example.org/web", lifetime: .seconds(4)) {
            $0.notBefore = self.now.addingTimeInterval(-10)
        }
        let issued = WorkloadSVID(svid, entry: try entry("a"), issuedAt: self.now, using: &random)
        #expect((1.6...2.4).contains(issued.renewAt.timeIntervalSince(self.now)))
    }

    @Test("a new revision is signed for at once; the old SVID is served until then")
    func newRevision() throws {
        var state = self.state([try entry("a")])
        _ = try self.sign(&state, at: self.now)
        state.replace(EntryTable([try entry("a", revision: 1)]))
        #expect(state.snapshot.svids["a"] != nil)
        #expect(self.ids(state.plan(now: self.now).0) == [["a"]])
    }

    @Test("what a tainted or removed authority issued is replaced at once, and not again and again by its like")
    func withdrawnAuthority() throws {
        let other = try TestAuthority(trustDomain: "example.org").bundle
        let authorities = self.authority.bundle.authorityKeyIdentifiers
        #expect(authorities.count == 1)
        let cases: [(TrustBundle, Set<[UInt8]>)] = [(self.authority.bundle, authorities), (other, [])]
        for (bundle, tainted) in cases {
            var state = self.state([try entry("a")])
            _ = try self.sign(&state, at: self.now)
            state.replace(self.authority.bundle)
            #expect(self.ids(state.plan(now: self.now).0).isEmpty)
            state.replace(bundle, tainted: tainted)
            #expect(state.snapshot.svids["a"] != nil)
            #expect(try self.sign(&state, at: self.now) == ["a"])
            let plan = state.plan(now: self.now).0
            #expect(plan.batches.isEmpty)
            #expect((0.2...0.25).contains(try #require(plan.nextLook).timeIntervalSince(self.now)))
            // An authority that comes back is as good as before.
            state.replace(self.authority.bundle)
            #expect(state.snapshot.withdrawnAuthorities.isDisjoint(with: authorities))
        }
    }

    @Test("an entry that was given the ID of another one is signed for at once, whatever its revision")
    func reusedID() throws {
        var state = self.state([try entry("a")])
        _ = try self.sign(&state, at: self.now)
        state.replace(EntryTable([try entry("a", age: -5)]))
        #expect(self.ids(state.plan(now: self.now).0) == [["a"]])
    }

    @Test("an entry whose SPIFFE ID changed serves the old one no more")
    func newID() throws {
        var state = self.state([try entry("a", "/web")])
        _ = try self.sign(&state, at: self.now)
        state.replace(EntryTable([try entry("a", "/api", revision: 1)]))
        #expect(state.snapshot.svids["a"] == nil)
    }

    @Test("an entry that is gone is forgotten at once")
    func removed() throws {
        var state = self.state([try entry("a"), try entry("b")])
        _ = try self.sign(&state, at: self.now)
        state.replace(EntryTable([try entry("b")]))
        #expect(state.snapshot.svids.keys.sorted() == ["b"])
    }

    @Test("an SVID that comes for an entry that has changed meanwhile is not used")
    func lateOutcome() throws {
        var random = SeededRandom(seed: 1)
        var state = self.state([try entry("a")])
        let batch = try #require(state.plan(now: self.now).0.batches.first)
        state.replace(EntryTable([try entry("a", revision: 1)]))
        let svid = try self.authority.x509SVID(id: "spiffe://example.org/web")
        state.complete(
            batch, ["a": .issued(WorkloadSVID(svid, entry: batch[0], issuedAt: self.now, using: &random))],
            now: self.now, using: &random)
        #expect(state.snapshot.svids.isEmpty)
        #expect(self.ids(state.plan(now: self.now).0) == [["a"]])
    }

    @Test("batches have a limit, and so have those under way")
    func batches() throws {
        var state = self.state(try (0..<10).map { try entry("\($0)") }, batchLimit: 3, parallel: 2)
        #expect(self.ids(state.plan(now: self.now).0) == [["0", "1", "2"], ["3", "4", "5"]])
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
    }

    @Test("a batch that is too much is tried again in halves, at once, and batches grow where something is issued")
    func halving() throws {
        var state = self.state(try (0..<8).map { try entry("\($0)") }, batchLimit: 8, parallel: 1)
        let batch = try #require(state.plan(now: self.now).0.batches.first)
        #expect(batch.count == 8)
        state.split(batch)
        #expect(self.ids(state.plan(now: self.now).0) == [["0", "1", "2", "3"]])
        #expect(state.batchLimit == 4)
        var random = SeededRandom(seed: 1)
        let half = Array(batch.prefix(4))
        state.complete(half, [:], now: self.now, using: &random)
        #expect(state.batchLimit == 4)
        #expect(try self.sign(&state, at: self.now) == ["4", "5", "6", "7"])
        #expect(state.batchLimit == 8)
    }

    @Test("a batch that fails for another reason is tried again together, later each time")
    func failedBatch() throws {
        var random = SeededRandom(seed: 1)
        var state = self.state(try (0..<8).map { try entry("\($0)") }, batchLimit: 8, parallel: 1)
        var delays: [Double] = []
        var now = self.now
        for _ in 1...2 {
            let plan = state.plan(now: now).0
            #expect(plan.batches.map(\.count) == [8])
            state.fail(plan.batches[0], "refused", now: now, using: &random)
            let next = try #require(state.plan(now: now).0.nextLook)
            delays.append(next.timeIntervalSince(now))
            now = next
        }
        #expect((0.2...0.25).contains(delays[0]))
        #expect((0.4...0.5).contains(delays[1]))
        #expect(state.snapshot.failures.count == 8)
        #expect(self.ids(state.plan(now: now).0).map(\.count) == [8])
    }

    @Test("a clock that is set back delays no retry")
    func clockSetBack() throws {
        var random = SeededRandom(seed: 1)
        var state = self.state([try entry("a")])
        let batch = try #require(state.plan(now: self.now).0.batches.first)
        state.complete(batch, ["a": .failed("refused")], now: self.now, using: &random)
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
        #expect(self.ids(state.plan(now: self.now.addingTimeInterval(-3_600)).0) == [["a"]])
    }

    @Test("an SVID of a time that has yet to come, since the clock was set back, is replaced at once and once")
    func fromLater() throws {
        var state = self.state([try entry("a")])
        let later = self.now.addingTimeInterval(3_600)
        _ = try self.sign(&state, at: later)
        let svid = try #require(state.snapshot.svids["a"])
        #expect(self.ids(state.plan(now: svid.since).0).isEmpty)
        let before = svid.since.addingTimeInterval(-1)
        #expect(try self.sign(&state, at: before) == ["a"])
        #expect(self.ids(state.plan(now: before).0).isEmpty)
    }

    @Test("after a failure an entry waits, longer each time; its reason is known")
    func failures() throws {
        var random = SeededRandom(seed: 1)
        var state = self.state([try entry("a")])
        var delays: [Double] = []
        var now = self.now
        for _ in 1...3 {
            let batch = try #require(state.plan(now: now).0.batches.first)
            state.complete(batch, ["a": .failed("refused")], now: now, using: &random)
            let next = try #require(state.plan(now: now).0.nextLook)
            delays.append(next.timeIntervalSince(now))
            now = next
        }
        #expect(state.snapshot.failures == ["a": "refused"])
        #expect((0.2...0.25).contains(delays[0]))
        #expect((0.4...0.5).contains(delays[1]))
        #expect((0.8...1).contains(delays[2]))
        state.retryFailures()
        #expect(self.ids(state.plan(now: now).0) == [["a"]])
    }

    @Test("an SVID that has expired is gone")
    func expiry() throws {
        var state = self.state([try entry("a")])
        _ = try self.sign(&state, at: self.now)
        let (_, changed) = state.plan(now: self.now.addingTimeInterval(3_600))
        #expect(changed)
        #expect(state.snapshot.svids.isEmpty)
    }

    @Test("entries with selectors that no attestor makes are not signed for")
    func foreignSelectors() throws {
        var state = self.state([try entry("alias", selectors: ["spiffe_id:spiffe://example.org/spire/agent/x"])])
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
    }

    @Test("an entry without prefetch is signed for when somebody follows it")
    func noPrefetch() throws {
        var state = self.state([try entry("a", prefetch: false)])
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
        state.follow(["a"])
        #expect(self.ids(state.plan(now: self.now).0) == [["a"]])
    }

    @Test("beyond the limit only what is followed is signed for, and it is never evicted")
    func limit() throws {
        var state = self.state(try (0..<5).map { try entry("\($0)") }, svidLimit: 2)
        #expect(try self.sign(&state, at: self.now) == ["0", "1"])
        state.follow(["4", "3", "2"])
        #expect(try self.sign(&state, at: self.now) == ["2", "3", "4"])
        #expect(self.ids(state.plan(now: self.now).0).isEmpty)
        #expect(state.snapshot.svids.keys.sorted() == ["2", "3", "4"])
    }

    @Test("of what nobody follows, the most recently used are kept")
    func leastRecentlyUsed() throws {
        var state = self.state(try (0..<5).map { try entry("\($0)") }, svidLimit: 2)
        for id in ["3", "4", "1"] {
            state.follow([id])
            _ = try self.sign(&state, at: self.now)
            state.unfollow([id])
        }
        _ = try self.sign(&state, at: self.now)
        #expect(state.snapshot.svids.keys.sorted() == ["1", "4"])
    }
}
