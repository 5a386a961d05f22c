import FoundationEssentials
import Yams

/// A configuration file that was read and whose keys are all known: values by dotted key, with the section in front.
struct ConfigurationFile: Hashable {
    /// Larger files are refused unread.
    static let maxBytes = 1_048_576

    let path: String
    private(set) var values: [String: String] = [:]

    /// The sections the file has.
    private(set) var sections: Set<ConfigurationSection> = []

    /// Reads and checks the file at `path`; `-` is standard input.
    ///
    /// - Throws: ``ConfigurationError``: unreadable, not YAML (duplicate keys included), an unknown section or key.
    init(path: String) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(InputFileError) {
            bytes = try InputFile.read(path, maxBytes: Self.maxBytes)
        } catch {
            throw .unreadableFile(path: path, reason: error.reason)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .notYAML(path: path, reason: "it is not UTF-8")
        }
        try self.init(path: path, text: text)
    }

    /// Checks the file's `text`; see ``init(path:)``.
    init(path: String, text: String) throws(ConfigurationError) {
        self.path = path
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch {
            throw .notYAML(path: path, reason: "\(error)")
        }
        guard let root else { return }
        guard let mapping = root.mapping else { throw .notYAML(path: path, reason: "expected sections, as 'server:'") }
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            guard let section = ConfigurationSection(rawValue: name) else {
                let nearest = NearestName.of(name, among: ConfigurationSection.allCases.map(\.rawValue))
                throw .unknownKey(path: path, key: name, line: key.mark?.line, nearest: nearest)
            }
            self.sections.insert(section)
            try self.add(value, at: [], section: section)
        }
    }

    private mutating func add(_ node: Node, at keys: [String], section: ConfigurationSection) throws(ConfigurationError)
    {
        let key = keys.joined(separator: ".")
        if let mapping = node.mapping {
            for (name, value) in mapping {
                try self.check(keys + [name.scalar?.string ?? ""], line: name.mark?.line, in: section)
                try self.add(value, at: keys + [name.scalar?.string ?? ""], section: section)
            }
        } else if let scalar = node.scalar, !keys.isEmpty {
            guard section.keys.contains(where: { $0.path == key }) else {
                // A section whose keys are all commented out.
                if node.null != nil { return }
                throw .invalid(
                    key: "\(section.rawValue).\(key)", value: scalar.string, expected: "a section with keys of its own")
            }
            guard node.null == nil else {
                throw .invalid(
                    key: "\(section.rawValue).\(key)", value: scalar.string,
                    expected: "a value; remove the line to have the default")
            }
            self.values["\(section.rawValue).\(key)"] = scalar.string
        } else if keys.isEmpty, node.null != nil {
            return
        } else {
            throw .invalid(key: "\(section.rawValue).\(key)", value: "a list", expected: "a single value")
        }
    }

    /// A key is known when it is a key of the section or leads to one.
    private func check(_ keys: [String], line: Int?, in section: ConfigurationSection) throws(ConfigurationError) {
        let path = keys.joined(separator: ".")
        let known = section.keys.map(\.path)
        guard !known.contains(where: { $0 == path || $0.hasPrefix(path + ".") }) else { return }
        let nearest = NearestName.of(path, among: known).map { "\(section.rawValue).\($0)" }
        throw .unknownKey(path: self.path, key: "\(section.rawValue).\(path)", line: line, nearest: nearest)
    }
}

/// The plain reason inside a file error: `No such file or directory`, without the library's decoration.
enum FileReason {
    static func of(_ error: any Error) -> String {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile?, .fileNoSuchFile?: "no such file"
        case .fileReadNoPermission?, .fileWriteNoPermission?: "permission denied"
        case .fileWriteOutOfSpace?: "no space left on the device"
        default: "\(error)"
        }
    }
}
