import Configuration
import PeerTransport

/// The values of one section from flags, environment and file: flags beat environment, environment beats file.
///
/// `SIGNET_SERVER_BIND_PORT` is `server.bind_port`. All values are text until one of the typed readers here parses them,
/// so that an error always names the key.
struct Settings {
    let section: ConfigurationSection
    private let reader: ConfigReader
    /// The sources alone, the strongest first.
    private let sources: [ConfigReader]

    init(
        section: ConfigurationSection, flags: [String: String], environment: [String: String], file: ConfigurationFile?
    ) {
        self.section = section
        let flagged = Dictionary(uniqueKeysWithValues: flags.map { ("\(section.rawValue).\($0.key)", $0.value) })
        let providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: Self.keyed(flagged)),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "signet"),
            InMemoryProvider(name: "file", values: Self.keyed(file?.values ?? [:])),
        ]
        self.reader = ConfigReader(providers: providers)
        self.sources = providers.map { ConfigReader(provider: $0) }
    }

    private static func keyed(_ values: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        Dictionary(
            uniqueKeysWithValues: values.map { key, value in
                let components = key.split(separator: ".").map(String.init)
                return (
                    AbsoluteConfigKey(components), ConfigValue(.string(value), isSecret: key.hasSuffix("join_token"))
                )
            })
    }

    func text(_ key: String) -> String? {
        self.reader.string(forKey: ConfigKey("\(self.section.rawValue).\(key)"))
    }

    /// Which of two keys that exclude each other counts: the one that a stronger source gives.
    ///
    /// - Parameter isSet: Whether a value says anything.
    /// - Returns: `nil` when none says anything.
    /// - Throws: ``ConfigurationError/contradiction(keys:reason:)`` when one source gives both.
    func strongest(
        of first: String, _ second: String, where isSet: (_ value: String) -> Bool = { _ in true }
    ) throws(ConfigurationError) -> String? {
        switch (self.source(of: first, where: isSet), self.source(of: second, where: isSet)) {
        case (nil, nil): return nil
        case (_?, nil): return first
        case (nil, _?): return second
        case (let left?, let right?):
            guard left != right else {
                throw .contradiction(
                    keys: [self.name(of: first), self.name(of: second)], reason: "give one of them")
            }
            return left < right ? first : second
        }
    }

    /// The strongest source that gives a key, unless what it gives says nothing.
    private func source(of key: String, where isSet: (_ value: String) -> Bool) -> Int? {
        let path = ConfigKey("\(self.section.rawValue).\(key)")
        guard let source = self.sources.firstIndex(where: { $0.string(forKey: path) != nil }),
            let value = self.sources[source].string(forKey: path), isSet(value)
        else { return nil }
        return source
    }

    func text(_ key: String, default value: String) -> String {
        self.text(key) ?? value
    }

    func required(_ key: String, hint: String) throws(ConfigurationError) -> String {
        guard let value = self.text(key), !value.isEmpty else { throw .missing(key: self.name(of: key), hint: hint) }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>, default value: Int) throws(ConfigurationError) -> Int {
        guard let text = self.text(key) else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw .invalid(
                key: self.name(of: key), value: text,
                expected: "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ key: String, default value: Bool) throws(ConfigurationError) -> Bool {
        switch self.text(key) {
        case nil: return value
        case "true"?: return true
        case "false"?: return false
        case let text?: throw .invalid(key: self.name(of: key), value: text, expected: "true or false")
        }
    }

    func duration(_ key: String, default value: Duration) throws(ConfigurationError) -> Duration {
        guard let text = self.text(key) else { return value }
        guard let duration = DurationText.parse(text) else {
            throw .invalid(
                key: self.name(of: key), value: text, expected: "a duration with its unit, as 90s, 1h30m or 24h")
        }
        return duration
    }

    /// Reads a duration that documents can have: whole seconds.
    func lifetime(_ key: String, default value: Duration) throws(ConfigurationError) -> Duration {
        let lifetime = try self.duration(key, default: value)
        guard lifetime.components.attoseconds == 0 else {
            throw .invalid(
                key: self.name(of: key), value: self.text(key) ?? "", expected: "whole seconds, as 90s, 1h30m or 24h")
        }
        return lifetime
    }

    /// Reads the path of a socket.
    func socketPath(default path: String) throws(ConfigurationError) -> String {
        let value = self.text("socket_path", default: path)
        guard RPCListener.isSocketPath(value) else {
            throw .invalid(
                key: self.name(of: "socket_path"), value: value,
                expected: "an absolute path of at most \(RPCListener.maxSocketPathBytes) bytes")
        }
        return value
    }

    /// Reads the path of a folder.
    func folder(_ key: String, default path: String) throws(ConfigurationError) -> String {
        let value = self.text(key, default: path)
        guard !value.isEmpty else { throw .invalid(key: self.name(of: key), value: value, expected: "a folder") }
        return value
    }

    /// Reads a value that is one of a fixed set of words: all there are, unless fewer may be.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default value: Choice, among choices: [Choice] = Array(Choice.allCases)
    ) throws(ConfigurationError) -> Choice {
        guard let text = self.text(key) else { return value }
        guard let choice = choices.first(where: { $0.rawValue == text }) else {
            let words = choices.map(\.rawValue).joined(separator: ", ")
            throw .invalid(key: self.name(of: key), value: text, expected: "one of \(words)")
        }
        return choice
    }

    /// The key as messages name it: with its section.
    func name(of key: String) -> String {
        "\(self.section.rawValue).\(key)"
    }
}
