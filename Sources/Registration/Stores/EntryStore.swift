package import FoundationEssentials

/// Where registration entries are kept for good.
///
/// What is acknowledged survives a crash of the process and of the machine.
package protocol EntryStore: Sendable {
    /// All entries, sorted by id, and the position in the change log at which this is the truth.
    func snapshot() async throws(StoreFailure) -> EntrySnapshot

    /// The entries that exist of these ids, in any order.
    func entries(ids: Set<String>) async throws(StoreFailure) -> [RegistrationEntry]

    /// Makes changes in their order, in one transaction; an item that cannot be made fails alone.
    ///
    /// Each change made takes one number of the change log, in the order of the items.
    ///
    /// - Throws: when nothing at all was made.
    func apply(_ changes: [EntryChange], actor: Actor, now: Date) async throws(StoreFailure) -> EntryCommit
}

/// All entries at one position of the change log.
package struct EntrySnapshot: Hashable, Sendable {
    package let entries: [RegistrationEntry]
    package let position: ChangePosition

    package init(entries: [RegistrationEntry], position: ChangePosition) {
        self.entries = entries
        self.position = position
    }
}

/// One wanted change of an entry.
package enum EntryChange: Hashable, Sendable {
    /// Adds an entry; id and time of creation are the caller's choice.
    case create(RegistrationEntry)
    /// Replaces fields of an entry and raises its revision by one, also when nothing differs.
    case update(id: String, EntryUpdate)
    case delete(id: String)
}

/// New values for some fields of an entry, applied to what the store holds at that moment.
package struct EntryUpdate: Hashable, Sendable {
    /// Only the fields named in ``fields`` are taken from it.
    package let content: EntryContent
    package let fields: Set<EntryField>

    package init(_ content: EntryContent, fields: Set<EntryField> = .allUpdatable) {
        self.content = content
        self.fields = fields
    }
}

/// What a batch came to.
package struct EntryCommit: Sendable {
    /// One for each item, in the order of the batch: the entry as created or updated, or as it was before it was deleted.
    package let results: [Result<RegistrationEntry, EntryStoreError>]
    /// The position after the batch.
    package let position: ChangePosition

    package init(results: [Result<RegistrationEntry, EntryStoreError>], position: ChangePosition) {
        self.results = results
        self.position = position
    }
}

/// Why one change of a batch was not made.
package enum EntryStoreError: Error, Hashable, Sendable {
    /// Another entry has the same parent, SPIFFE ID and selectors; it is given as it is.
    case alreadyExists(RegistrationEntry)
    /// The id belongs to another entry.
    case idTaken(String)
    case notFound(String)
}
