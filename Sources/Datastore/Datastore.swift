import Registration
package import SPIFFE

/// Everything a server keeps for good, in one database: entries, agents, join tokens, authorities and the change log.
///
/// Writers run one after the other; each takes the lock of the change log's counter first. Readers see one consistent
/// state. What is acknowledged survives a crash of the process and of the machine.
package final class Datastore: Sendable {
    package let trustDomain: TrustDomain
    /// Random, made when the store was opened.
    package let epoch: String
    package let earlierEpochs: [String: UInt64]

    let database: any SQLDatabase
    let limits: DatastoreLimits

    /// Opens the SQLite store at `path`, or makes a new one for `trustDomain`.
    ///
    /// - Throws: ``DatastoreError``; a store that is refused has not changed.
    package convenience init(
        path: String, trustDomain: TrustDomain, limits: DatastoreLimits = DatastoreLimits()
    ) throws(DatastoreError) {
        let database = try SQLiteDatabase(path: path, busyTimeout: limits.busyTimeout)
        try self.init(database: database, name: path, trustDomain: trustDomain, limits: limits)
    }

    /// Takes a database that may be new, brings its schema up to date, and checks whose it is.
    ///
    /// - Parameter name: What errors call the database.
    package init(
        database: any SQLDatabase, name: String, trustDomain: TrustDomain, limits: DatastoreLimits = DatastoreLimits()
    ) throws(DatastoreError) {
        let opened: Result<(epoch: String, earlier: [String: UInt64]), DatastoreError>
        do {
            opened = try database.writeBlocking { sql throws(StoreFailure) in
                switch try StoreTable.open(sql, trustDomain: trustDomain) {
                case .success(let epoch): .success((epoch, try EarlierEpochsTable.all(sql)))
                case .failure(let refusal): .failure(refusal)
                }
            }
        } catch {
            throw .cannotOpen(path: name, reason: error.engineText)
        }
        (self.epoch, self.earlierEpochs) = try opened.get()
        self.database = database
        self.trustDomain = trustDomain
        self.limits = limits
    }
}
