import FoundationEssentials

/// The folder a server or an agent keeps its state in.
enum DataDirectory {
    /// Makes the folder (0700) when it is missing.
    ///
    /// - Throws: ``ConfigurationError/refused(reason:)`` when it cannot be made, or is writable by others than its owner.
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
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw .refused(reason: "cannot use the data folder \(path): \(FileReason.of(error))")
        }
    }
}
