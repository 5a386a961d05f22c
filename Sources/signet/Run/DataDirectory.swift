import FoundationEssentials
import Glibc

/// The folder a server or an agent keeps its state in.
enum DataDirectory {
    /// Makes the folder (0700) when it is missing, and takes it for this process alone.
    ///
    /// - Throws: ``ConfigurationError/refused(reason:)`` when it cannot be made, is writable by others than its owner, or
    ///   another process has taken it.
    static func prepare(_ path: String) throws(ConfigurationError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0o777
            guard mode & 0o022 == 0 else {
                throw ConfigurationError.refused(
                    reason:
                        "the data folder \(path) is writable by others (mode \(String(mode, radix: 8))): chmod 700 \(path)"
                )
            }
            try self.take(path)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw .refused(reason: "cannot use the data folder \(path): \(FileReason.of(error))")
        }
    }

    /// Two servers on one folder would each write the other's authorities away.
    private static func take(_ path: String) throws {
        let file = unsafe open("\(path)/signet.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        // Not closed: the lock is for the life of the process, and the kernel ends it with that.
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            throw ConfigurationError.refused(
                reason: "the data folder \(path) is in use by another signet: stop that, or choose another folder"
            )
        }
    }
}
