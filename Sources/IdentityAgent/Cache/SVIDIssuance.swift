import FoundationEssentials
import GRPCCore
import Logging
import Registration
import Rotation

/// Gets SVIDs of a kind for entries: at once when they are new or have changed, and again at half of their life.
struct SVIDIssuance: Sendable {
    /// How long it is at most until what is held is compared with the clock again.
    private static let longestPause: Duration = .seconds(60)

    let requests: any SVIDRequests
    let cache: WorkloadCache
    let instants: Instants
    let randomness: RandomSource
    let logger: Logger

    /// Runs until cancelled.
    func run() async throws {
        let failures = FailureLog(self.requests.failureMessage)
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let now = self.instants.now()
                let plan = self.cache.plan(self.requests.kind, now: now)
                for batch in plan.batches {
                    group.addTask { await self.issue(batch, failures) }
                }
                try await self.wait(until: plan.nextLook, from: now)
            }
        }
    }

    /// Waits for work, at most until a moment, and no longer than it seemed to be away or ``longestPause``: the clock may
    /// be set back, behind the beginning of SVIDs too.
    private func wait(until moment: Date?, from now: Date) async throws {
        let limit = moment.map { min(.seconds(max(0, $0.timeIntervalSince(now))), Self.longestPause) }
        try await self.cache.work(self.requests.kind).wait(until: moment, atMost: limit, instants: self.instants)
    }

    private func issue(_ batch: [RegistrationEntry], _ failures: FailureLog) async {
        var generator = self.randomness()
        let kind = self.requests.kind
        let outcomes: [String: WorkloadCacheState.Outcome]
        do {
            outcomes = try await self.requests.outcomes(of: batch, using: &generator)
            failures.succeeded(self.logger)
        } catch {
            failures.failed(error, self.logger)
            let error = error as? RPCError ?? RPCError(code: .unknown, message: "\(error)")
            if batch.count > 1, Self.isTooMuch(error) { return self.cache.split(kind, batch) }
            return self.cache.fail(kind, batch, error.message, now: self.instants.now(), using: &generator)
        }
        self.cache.complete(kind, batch, outcomes, now: self.instants.now(), using: &generator)
    }

    /// Whether a smaller batch might pass.
    private static func isTooMuch(_ error: RPCError) -> Bool {
        switch error.code {
        case .resourceExhausted, .deadlineExceeded, .invalidArgument: true
        default: false
        }
    }
}
