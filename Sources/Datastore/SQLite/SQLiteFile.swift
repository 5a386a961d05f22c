import KeyManagement

/// The store's files before SQLite sees them.
enum SQLiteFile {
    /// What SQLite keeps beside the file, with its mode.
    private static let companions = ["-wal", "-shm", "-journal"]

    /// Makes the file with mode 0600 whatever the umask is, or checks that nobody else can read or write the one there is.
    ///
    /// Whoever can write to its directory could put another file in its place; whoever can write what is beside it writes
    /// the database.
    static func prepare(_ path: String) throws(DatastoreError) {
        do {
            try PrivateFile.prepare(path)
            for suffix in self.companions { try PrivateFile.check(path + suffix) }
        } catch {
            throw .unsafeFile(error)
        }
    }
}
