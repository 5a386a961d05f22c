import FoundationEssentials
import Synchronization

/// The answers that a caller got: each new one is printed, all are counted.
final class APIAnswers: Sendable {
    /// The summary, as it is printed.
    private struct Summary: Encodable {
        let name: String
        let calls: Int
        /// How often each status was answered; 0: there was no answer.
        let answers: [String: Int]
    }

    private struct State {
        var counts: [UInt: Int] = [:]
        var last: UInt = 0
        var lastText = ""
    }

    private let name: String
    private let state = Mutex(State())

    init(name: String) {
        self.name = name
    }

    /// Counts an answer, and prints it unless it is as the one before.
    ///
    /// - Parameter challenge: `WWW-Authenticate`: why the call was refused.
    func answered(status: UInt, challenge: String?, body: String) {
        self.note(status, "\(status) \(body)\(challenge.map { " [\($0)]" } ?? "")")
    }

    /// Counts a call without an answer, and prints why there was none.
    func failed(_ error: any Error) {
        self.note(0, "no answer: \(error)")
    }

    private func note(_ status: UInt, _ text: String) {
        let isNew = self.state.withLock { state in
            state.counts[status, default: 0] += 1
            state.last = status
            defer { state.lastText = text }
            return state.lastText != text
        }
        guard isNew else { return }
        print("\(self.name): \(text)")
        StandardOutput.flush()
    }

    /// Prints one line of JSON.
    ///
    /// - Returns: Whether the last answer had this status.
    func printSummary(expecting status: UInt) throws -> Bool {
        let state = self.state.withLock { $0 }
        let summary = Summary(
            name: self.name, calls: state.counts.values.reduce(0, +),
            answers: Dictionary(uniqueKeysWithValues: state.counts.map { ("\($0.key)", $0.value) }))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(summary), as: UTF8.self))
        StandardOutput.flush()
        return state.last == status
    }
}
