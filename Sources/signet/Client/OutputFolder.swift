import FoundationEssentials
import KeyManagement

/// The folder a command writes identity documents into: certificates 0644, keys 0600, each replaced whole.
struct OutputFolder {
    let path: String

    /// - Throws: ``UsageError`` when `path` is not an existing folder.
    init(_ path: String) throws {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else {
            throw UsageError("--write: \(path) is not a folder")
        }
        self.path = path
    }

    /// The folder that holds the file at `path`.
    init(containing path: String) throws {
        try self.init(URL(filePath: path).deletingLastPathComponent().path)
    }

    func write(_ text: String, to name: String) throws {
        try self.put(text, name: name, mode: 0o644)
    }

    func writeSecret(_ text: String, to name: String) throws {
        try self.put(text, name: name, mode: 0o600)
    }

    private func put(_ text: String, name: String, mode: UInt32) throws {
        let file = "\(self.path)/\(name)"
        do {
            try PrivateFile.write(Array(text.utf8), to: file, mode: mode)
        } catch {
            throw CommandError("cannot write \(file): \(error)")
        }
        Console.error("Wrote \(file)")
    }
}
