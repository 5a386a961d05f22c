import NodeAttestation
import Registration
import Rotation
import SPIFFE

/// An agent's open stream of changes, as the registry keeps it.
struct AgentWatch: Sendable {
    let id: UInt64
    let agentID: SPIFFEID
    /// The certificate that opened the stream.
    let serialNumber: String
    let wakeUp: WakeUp
    /// The agent's own ID and its aliases: entries below one of them are its own.
    var roots: Set<SPIFFEID>
    /// What the agent has not been told yet.
    var pending: Pending
    /// Set when the stream must end.
    var ending: Ending?

    enum Pending: Hashable, Sendable {
        case nothing
        /// Changes after this number concern the agent, and the entries of these IDs, which no change touched: they
        /// expired.
        case changes(after: UInt64, touched: Set<String>)
        /// As ``changes``, and what depends on the time: the stream resumes one that may have seen another.
        case resumption(after: UInt64)
        /// The agent gets everything anew.
        case everything

        /// Entries have expired, or have not after all, at this position.
        mutating func touch(_ ids: Set<String>, at number: UInt64) {
            switch self {
            case .nothing: self = .changes(after: number, touched: ids)
            case .changes(let seen, let touched): self = .changes(after: seen, touched: touched.union(ids))
            case .resumption, .everything: return
            }
        }
    }

    /// Why a stream ends before the agent wants it to.
    enum Ending: Hashable, Sendable {
        case denied(Authorization.Denial)
        case shuttingDown
        /// The agent has as many streams as it may.
        case tooMany
    }

    /// What a stream has to send, before it was found out what that is.
    enum Turn: Sendable {
        case send(OutstandingUpdate)
        case wait(at: ChangePosition)
        case end(Ending)
    }

    /// What a stream does next.
    enum Step: Hashable, Sendable {
        case send(Update)
        /// The agent has everything up to this position.
        case wait(at: ChangePosition)
        case end(Ending)
    }

    /// What brings an agent up to `position`.
    struct Update: Hashable, Sendable {
        /// The entries replace all that the agent holds.
        var isFull: Bool
        var entries: [RegistrationEntry]
        var removedEntryIDs: [String]
        var position: ChangePosition
    }
}
