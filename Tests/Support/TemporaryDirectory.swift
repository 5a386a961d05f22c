import Foundation
import Glibc

/// A directory of mode 0700 that disappears with this value.
///
/// Its path is short enough for a Unix socket in it (at most 108 bytes with the name).
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        let name = "signet-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let path = "/tmp/" + name
        guard unsafe mkdir(path, 0o700) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        self.path = path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    /// The path of something in the directory.
    package func path(_ name: String) -> String {
        self.path + "/" + name
    }

    /// Writes a file with exactly this mode and returns its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String, mode: Int = 0o600) throws -> String {
        let path = self.path(name)
        // Whoever looks meanwhile sees the new content with the new mode only.
        try? FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    /// The content of a file.
    package func read(_ name: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(fileURLWithPath: self.path(name))))
    }

    /// The names of everything in the directory, sorted.
    package func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.path).sorted()
    }

    /// Sets the permission bits of the directory itself.
    package func setMode(_ mode: UInt32) throws {
        guard unsafe chmod(self.path, mode) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    }

    /// The permission bits of something in the directory.
    package func mode(of name: String) throws -> Int? {
        let attributes = try FileManager.default.attributesOfItem(atPath: self.path(name))
        return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }
}

/// Runs `body` with a new directory and removes it afterwards.
package func withTemporaryDirectory<Result>(
    _ body: (TemporaryDirectory) async throws -> Result
) async throws -> Result {
    let directory = try TemporaryDirectory()
    let result = try await body(directory)
    withExtendedLifetime(directory) {}
    return result
}
