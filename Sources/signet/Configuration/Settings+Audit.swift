/// The keys under `audit`, read and typed.
struct AuditSettings {
    /// The most files that there may be.
    static let maxFiles = 100
    /// The name of the file in the data folder where nothing else is said.
    static let fileName = "audit.jsonl"

    let path: String
    let maxFileBytes: Int
    let maxFiles: Int
    /// Whether the records go to standard output, too.
    let standardOutput: Bool
}

extension Settings {
    /// - Throws: ``ConfigurationError`` naming the key.
    func audit(dataDirectory: String) throws(ConfigurationError) -> AuditSettings {
        AuditSettings(
            path: try self.folder("audit.file", default: "\(dataDirectory)/\(AuditSettings.fileName)"),
            maxFileBytes: try self.integer(
                "audit.max_file_bytes", in: 65_536...1_073_741_824, default: 16_777_216),
            maxFiles: try self.integer("audit.max_files", in: 1...AuditSettings.maxFiles, default: 8),
            standardOutput: try self.flag("audit.standard_output", default: false))
    }
}
