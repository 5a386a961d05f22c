import FoundationEssentials
import Glibc
import KeyManagement

/// The folder a command writes identity documents into: certificates 0644, keys 0600, each replaced whole.
struct OutputFolder {
    let path: String
    private let isSilent: Bool

    /// Checks the folder before anybody is asked for anything.
    ///
    /// - Throws: ``UsageError`` when `path` is no folder, others control it, or this process may not write to it.
    init(_ path: String, isSilent: Bool = false) throws {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else {
            throw UsageError("--write: \(path) is not a folder")
        }
        do {
            try PrivateFile.checkDirectory(of: "\(path)/key.pem")
        } catch {
            throw UsageError("--write: \(error)")
        }
        guard unsafe access(path, W_OK | X_OK) == 0 else {
            throw UsageError("--write: cannot write to \(path): \(unsafe String(cString: strerror(errno)))")
        }
        self.path = path
        self.isSilent = isSilent
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
        if !self.isSilent { Console.error("Wrote \(file)") }
    }
}

/// The file a command writes a token to, 0600.
struct OutputFile {
    private let folder: OutputFolder
    private let name: String

    /// Checks the file's folder before anybody is asked for anything.
    ///
    /// - Throws: ``UsageError`` when `path` names no file, or its folder is refused.
    init(_ path: String) throws {
        var isDirectory = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        guard !name.isEmpty, !(exists && isDirectory) else { throw UsageError("--write: '\(path)' is not a file") }
        let folder = String(path.dropLast(name.count))
        self.folder = try OutputFolder(folder.isEmpty ? "." : folder == "/" ? folder : String(folder.dropLast()))
        self.name = name
    }

    func writeSecret(_ text: String) throws {
        try self.folder.writeSecret(text, to: self.name)
    }
}
