import FoundationEssentials
import Rotation
import Synchronization

/// Names of accounts, remembered for a minute.
final class AccountNames: Sendable {
    /// The most accounts that are remembered.
    static let maxRemembered = 4_096
    /// How long a name counts; a number without a name, too.
    static let lifetime: Duration = .seconds(60)

    private struct Answer {
        let name: AccountName
        let since: Date
    }

    private let instants: Instants
    private let calls: BlockingCalls
    private let lookUp: @Sendable (Account) -> AccountName
    private let answers = Mutex(RecentValues<Account, Answer>(limit: AccountNames.maxRemembered))

    init(instants: Instants, calls: BlockingCalls, lookUp: @escaping @Sendable (Account) -> AccountName) {
        self.instants = instants
        self.calls = calls
        self.lookUp = lookUp
    }

    /// The names of some accounts, for a process of a user.
    func names(of accounts: Set<Account>, for uid: UInt32) async throws -> [Account: AccountName] {
        var names = self.remembered(accounts)
        let others = accounts.subtracting(names.keys)
        guard !others.isEmpty else { return names }
        let lookUp = self.lookUp
        let answers = try await self.calls.run(for: uid) { isAbandoned in
            var answers: [Account: AccountName] = [:]
            for account in others {
                guard !isAbandoned() else { throw CancellationError() }
                answers[account] = lookUp(account)
            }
            return answers
        }
        self.remember(answers)
        names.merge(answers) { _, new in new }
        return names
    }

    /// The names that were asked for within ``lifetime``.
    private func remembered(_ accounts: Set<Account>) -> [Account: AccountName] {
        let now = self.instants.now()
        let lifetime = Self.lifetime / .seconds(1)
        return self.answers.withLock { answers in
            var names: [Account: AccountName] = [:]
            for account in accounts {
                guard let answer = answers.value(for: account),
                    (0..<lifetime).contains(now.timeIntervalSince(answer.since))
                else { continue }
                names[account] = answer.name
            }
            return names
        }
    }

    private func remember(_ names: [Account: AccountName]) {
        let now = self.instants.now()
        self.answers.withLock { answers in
            for (account, name) in names {
                if case .unknown = name { continue }
                answers.set(Answer(name: name, since: now), for: account)
            }
        }
    }
}
