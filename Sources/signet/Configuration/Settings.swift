import Configuration

/// The values of one section from flags, environment and file: flags beat environment, environment beats file.
///
/// `SIGNET_SERVER_BIND_PORT` is `server.bind_port`. All values are text until one of the typed readers here parses them,
/// so that an error always names the key.
struct Settings {
    let section: ConfigurationSection
    private let reader: ConfigReader

    init(
        section: ConfigurationSection, flags: [String: String], environment: [String: String], file: ConfigurationFile?
    ) {
        self.section = section
        let flagged = Dictionary(uniqueKeysWithValues: flags.map { ("\(section.rawValue).\($0.key)", $0.value) })
        self.reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Self.keyed(flagged)),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "signet"),
            InMemoryProvider(name: "file", values: Self.keyed(file?.values ?? [:])),
        ])
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

    /// Reads a value that is one of a fixed set of words.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default value: Choice
    ) throws(ConfigurationError) -> Choice {
        guard let text = self.text(key) else { return value }
        guard let choice = Choice(rawValue: text) else {
            let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(key: self.name(of: key), value: text, expected: "one of \(words)")
        }
        return choice
    }

    /// The key as messages name it: with its section.
    func name(of key: String) -> String {
        "\(self.section.rawValue).\(key)"
    }
}
