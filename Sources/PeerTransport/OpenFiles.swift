import Glibc

/// How many files this process may have open.
package enum OpenFiles {
    /// How many there may be at once, as far as the process has not raised it.
    package static var limit: Int {
        Self.current.map { Int(clamping: $0.rlim_cur) } ?? 768
    }

    /// Raises the limit to what the system allows this process.
    ///
    /// The limit a process begins with is often 1,024, for the sake of programs that use `select`. Call it at the start
    /// of a program; where the system refuses, the limit stays as it is.
    package static func raiseLimit() {
        guard var limit = Self.current else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Connections that leave as many descriptors for the rest of the process.
    ///
    /// A third of them: a connection over a Unix socket may take another for its process, and a third is for databases,
    /// logs and what attestation reads.
    static var connectionLimit: Int { max(16, Self.limit / 3) }

    private static var current: rlimit? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit
    }
}
