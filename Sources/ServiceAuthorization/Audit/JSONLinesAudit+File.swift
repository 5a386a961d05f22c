import Audit

extension JSONLinesAudit {
    /// Writes to a file with mode 0600 that is put aside as `path.1`, `path.2`, … when it is full.
    ///
    /// Lines that cannot be written, on a disk that is full, hold up no call. They are counted: before the first line that
    /// can be written again stands a record with `decision` `lost` and their `count`.
    ///
    /// - Parameters:
    ///   - path: The file; its directory must exist and belong to this user or root.
    ///   - maxFileBytes: The size from which the file is put aside. Default: 16 MiB.
    ///   - maxFiles: How many files there are at most; the oldest goes. Default: 8.
    /// - Throws: When the file cannot be opened, or others may read it.
    public convenience init(path: String, maxFileBytes: Int = 16_777_216, maxFiles: Int = 8) throws {
        let file = try RotatingFile(path: path, maxBytes: maxFileBytes, maxFiles: maxFiles)
        self.init { line in file.append(line) == RotatingFile.Outcome.written }
    }
}
