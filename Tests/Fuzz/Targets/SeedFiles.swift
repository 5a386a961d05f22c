import FoundationEssentials
import JOSE

/// Inputs that are files: those of the vectors, and those that were found by fuzzing and kept.
enum SeedFiles {
    /// Longer files make fuzzing slow, and say nothing that shorter ones do not.
    private static let maxBytes = 16_384

    /// The inputs that are kept for a target in `Tests/Fuzz/Seeds`.
    ///
    /// - Parameter prefix: How the names of the files begin.
    static func all(_ target: String, prefix: String = "") throws -> [[UInt8]] {
        let folder = self.root + "Tests/Fuzz/Seeds/" + target
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try self.names(in: folder).filter { $0.hasPrefix(prefix) }.map { try self.read(folder + "/" + $0) }
    }

    /// The cases of a standard in `pki/vectors` that have such a file, by name.
    static func vectors(_ standard: String, with file: String) throws -> [Vector] {
        let folder = self.root + "pki/vectors/" + standard
        return try self.names(in: folder).map { Vector(folder: folder + "/" + $0) }.filter { vector in
            guard let bytes = try? vector.bytes(file) else { return false }
            return try bytes.count <= self.maxBytes && vector.isWhole
        }
    }

    /// A file of every case of a standard that has it.
    static func vectorFiles(_ standard: String, _ file: String) throws -> [[UInt8]] {
        let files = try self.vectors(standard, with: file).map { try $0.bytes(file) }
        try hold(!files.isEmpty, "pki/vectors/\(standard) has no \(file)")
        return files
    }

    /// One folder of `pki/vectors`.
    struct Vector {
        let folder: String

        var name: String { self.folder.split(separator: "/").last.map(String.init) ?? "" }

        var isAccepted: Bool {
            get throws { try self.members["expect"]?.isString("accept") ?? false }
        }

        /// Whether the files are the input as it stands.
        fileprivate var isWhole: Bool {
            get throws { try self.members["padded_to_bytes"] == nil }
        }

        var members: JSONObject {
            get throws {
                let value = try JSON.parse(self.bytes("case.json"), maxBytes: 65_536)
                return try found(value.object, "\(self.folder)/case.json is no object")
            }
        }

        func bytes(_ file: String) throws -> [UInt8] { try SeedFiles.read(self.folder + "/" + file) }
    }

    static func vector(_ standard: String, _ name: String) -> Vector {
        Vector(folder: self.root + "pki/vectors/" + standard + "/" + name)
    }

    private static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    private static func read(_ path: String) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: path)))
    }

    /// The folder of the repository, with a slash at the end.
    private static let root: String = {
        // Tests/Fuzz/Targets/SeedFiles.swift
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(4).joined(separator: "/") + "/"
    }()
}
