/// Why a configuration was refused.
///
/// Nothing was started; exit code 2.
enum ConfigurationError: Error, Hashable, CustomStringConvertible {
    case unreadableFile(path: String, reason: String)
    case notYAML(path: String, reason: String)
    case noSection(path: String, expected: String)
    case unknownKey(path: String, key: String, line: Int?, nearest: String?)
    case missing(key: String, hint: String)
    case invalid(key: String, value: String, expected: String)
    case contradiction(keys: [String], reason: String)
    case refused(reason: String)

    var description: String {
        switch self {
        case .unreadableFile(let path, let reason):
            return "cannot read the configuration file \(path): \(reason)"
        case .notYAML(let path, let reason):
            return "\(path) is not a valid configuration file: \(reason)"
        case .noSection(let path, let expected):
            return "\(path) has no section '\(expected):'"
        case .unknownKey(let path, let key, let line, let nearest):
            let place = line.map { "\(path), line \($0)" } ?? path
            let hint = nearest.map { "; did you mean '\($0)'?" } ?? ""
            return "\(place): unknown key '\(key)'\(hint)"
        case .missing(let key, let hint):
            return "'\(key)' is required: \(hint)"
        case .invalid(let key, let value, let expected):
            return "'\(key)' is '\(value)': expected \(expected)"
        case .contradiction(let keys, let reason):
            return "\(keys.map { "'\($0)'" }.joined(separator: " and ")): \(reason)"
        case .refused(let reason):
            return reason
        }
    }
}
