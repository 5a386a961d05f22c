import FoundationEssentials
package import Rotation
import Synchronization

/// Digests of programs, made once and remembered for files that have not changed.
///
/// Hashing is the one expensive thing that any process of the machine can ask for. So one program is hashed at a time for
/// each user, once for all who ask for it meanwhile, and no longer than somebody waits for it.
///
/// A file that changed less than ``settlingTime`` before it was hashed is not remembered: within the resolution of the
/// file system's clock a later change would not show.
package final class ProgramHashes: Sendable {
    /// The most programs that are remembered.
    package static let maxRemembered = 1_024
    package static let settlingTime: Duration = .seconds(2)

    /// What one user waits for.
    private struct Request: Hashable {
        let uid: UInt32
        let file: FileIdentity
    }

    private let instants: Instants
    private let digest: @Sendable (Program, Gate<UInt32>.Admission) async throws -> String
    private let users = Gate<UInt32>(limit: 1)
    private let requests = SingleFlight<Request, String>()
    private let files = SingleFlight<FileIdentity, String>()
    private let remembered: Mutex<RecentValues<FileIdentity, String>>

    /// - Parameters:
    ///   - instants: Tells which files have just changed.
    ///   - maxRemembered: The most programs that are remembered.
    ///   - digest: Makes a digest; it keeps the admission as long as it works, whether or not it is waited for.
    package init(
        instants: Instants, maxRemembered: Int = ProgramHashes.maxRemembered,
        digest: @escaping @Sendable (Program, Gate<UInt32>.Admission) async throws -> String
    ) {
        self.instants = instants
        self.remembered = Mutex(RecentValues(limit: maxRemembered))
        self.digest = digest
    }

    /// The digest where it is remembered.
    package func remembered(_ program: Program) -> String? {
        self.remembered.withLock { $0.value(for: program.identity) }
    }

    /// The digest of a program that a process of a user runs.
    package func digest(of program: Program, for uid: UInt32) async throws -> String {
        try await self.requests.run(Request(uid: uid, file: program.identity)) {
            if let digest = self.remembered(program) { return digest }
            // Before others may join: they do not wait for what else this user has hashed.
            let admission = try await self.users.enter(uid)
            return try await self.files.run(program.identity) {
                if let digest = self.remembered(program) { return digest }
                return try await self.makeDigest(of: program, admission)
            }
        }
    }

    /// How many wait until the turn of their user comes again.
    package var queuedCount: Int { self.users.waitingCount }

    /// How many wait for a digest that is made already.
    package var sharingCount: Int { self.requests.waitingCount + self.files.waitingCount }

    private func makeDigest(of program: Program, _ admission: Gate<UInt32>.Admission) async throws -> String {
        let settled = self.instants.now().addingTimeInterval(-(Self.settlingTime / .seconds(1)))
        let digest = try await self.digest(program, admission)
        if program.identity.changed < settled {
            self.remembered.withLock { $0.set(digest, for: program.identity) }
        }
        return digest
    }
}
