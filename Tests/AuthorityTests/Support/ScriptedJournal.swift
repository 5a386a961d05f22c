import Authority
import FoundationEssentials
import Synchronization

/// A journal in memory that can be told to fail, before or after it has kept what it was given.
final class ScriptedJournal: AuthorityJournal {
    enum Failure: Error, Equatable {
        case beforeWriting, afterWriting, reading
    }

    private struct State {
        var records = AuthorityRecords()
        var saved: [(records: AuthorityRecords, time: Date)] = []
        var upcoming: [Failure] = []
        var onSave: @Sendable (AuthorityRecords) -> Void = { _ in }
    }

    private let state = Mutex(State())

    init(_ records: AuthorityRecords = AuthorityRecords()) {
        self.state.withLock { $0.records = records }
    }

    /// What a new process would find.
    var records: AuthorityRecords { self.state.withLock { $0.records } }
    var saveCount: Int { self.state.withLock { $0.saved.count } }
    var saveTimes: [Date] { self.state.withLock { $0.saved.map(\.time) } }

    /// The next calls fail like this, one after the other.
    func fail(_ failures: Failure...) {
        self.state.withLock { $0.upcoming += failures }
    }

    /// Called with what is to be saved, before anything happens to it.
    func onSave(_ body: @escaping @Sendable (AuthorityRecords) -> Void) {
        self.state.withLock { $0.onSave = body }
    }

    func load() async throws -> AuthorityRecords {
        try self.state.withLock { state in
            if state.upcoming.first == .reading {
                state.upcoming.removeFirst()
                throw Failure.reading
            }
            return state.records
        }
    }

    func save(_ records: AuthorityRecords, now: Date) async throws {
        self.state.withLock { $0.onSave }(records)
        let failure: Failure? = self.state.withLock { state in
            let failure = state.upcoming.isEmpty ? nil : state.upcoming.removeFirst()
            guard failure != .beforeWriting else { return failure }
            state.records = records
            state.saved.append((records, now))
            return failure
        }
        if let failure { throw failure }
    }
}
