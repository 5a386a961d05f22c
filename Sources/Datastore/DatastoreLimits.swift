/// Sizes and times of a store.
package struct DatastoreLimits: Hashable, Sendable {
    /// How many of the newest changes the change log keeps, 1 or more; 100,000 by default.
    ///
    /// A reader further behind takes a full snapshot.
    package var retainedChanges: UInt64
    /// How long a transaction waits for another process's lock; 5 s by default.
    package var busyTimeout: Duration

    package init(retainedChanges: UInt64 = 100_000, busyTimeout: Duration = .seconds(5)) {
        self.retainedChanges = retainedChanges
        self.busyTimeout = busyTimeout
    }
}
