package import Registration

/// Which entries the agent is authorised for, as the server told piece by piece.
///
/// A change that comes in several messages takes effect with the last one; when the stream ends before it, nothing of
/// it does. Pure: no tasks, no time.
package struct EntryMerge: Sendable {
    /// The most entries an agent holds.
    package static let maxEntries = 200_000

    /// One message of the server.
    package struct Message: Sendable {
        package var position: ChangePosition
        package var isFull: Bool
        package var entries: [RegistrationEntry]
        package var removedEntryIDs: [String]
        package var hasMore: Bool

        package init(
            position: ChangePosition, isFull: Bool = false, entries: [RegistrationEntry] = [],
            removedEntryIDs: [String] = [], hasMore: Bool = false
        ) {
            self.position = position
            self.isFull = isFull
            self.entries = entries
            self.removedEntryIDs = removedEntryIDs
            self.hasMore = hasMore
        }
    }

    private struct Pending: Sendable {
        var isFull: Bool
        var entries: [String: RegistrationEntry] = [:]
        var removed: Set<String> = []
    }

    /// Up to where ``entries`` is complete; nil when it is not known.
    package private(set) var position: ChangePosition?
    package private(set) var entries: [String: RegistrationEntry] = [:]
    private var pending: Pending?

    /// Holds nothing yet.
    package init() {}

    /// Takes a message; returns whether a change is complete with it.
    package mutating func apply(_ message: Message) throws(EntryMergeError) -> Bool {
        var pending = self.pending ?? Pending(isFull: message.isFull)
        self.pending = nil
        guard pending.isFull == message.isFull else { throw .mixedChange }
        for entry in message.entries {
            pending.entries[entry.id] = entry
            pending.removed.remove(entry.id)
        }
        for id in message.removedEntryIDs {
            pending.entries[id] = nil
            pending.removed.insert(id)
        }
        let held = pending.isFull ? 0 : self.entries.count
        guard held + pending.entries.count <= Self.maxEntries else { throw .tooManyEntries(limit: Self.maxEntries) }
        if message.hasMore {
            self.pending = pending
            return false
        }
        if pending.isFull { self.entries = [:] }
        for id in pending.removed { self.entries[id] = nil }
        self.entries.merge(pending.entries) { _, new in new }
        self.position = message.position
        return true
    }

    /// Forgets a change of which the last message did not come.
    package mutating func abandonPending() {
        self.pending = nil
    }

    /// Takes the whole state from a server that does not push.
    package mutating func replace(with entries: [RegistrationEntry]) throws(EntryMergeError) {
        guard entries.count <= Self.maxEntries else { throw .tooManyEntries(limit: Self.maxEntries) }
        self.pending = nil
        self.position = nil
        self.entries = Dictionary(entries.map { ($0.id, $0) }) { _, last in last }
    }

    /// The IDs of those revisions that are not held: what to ask the server for.
    package func missing(from revisions: [EntryRevision]) -> [String] {
        revisions.filter { revision in
            guard let held = self.entries[revision.id] else { return true }
            return held.revision != revision.number || held.createdAt != revision.createdAt
        }.map(\.id)
    }
}

/// Why a change of the server was not taken; what is held stays.
package enum EntryMergeError: Error, Hashable, CustomStringConvertible {
    case tooManyEntries(limit: Int)
    /// A change began as a full state and went on as a difference, or the other way round.
    case mixedChange

    package var description: String {
        switch self {
        case .tooManyEntries(let limit): "the server authorises this agent for more than \(limit) entries"
        case .mixedChange: "the server mixed a full state with a difference"
        }
    }
}
