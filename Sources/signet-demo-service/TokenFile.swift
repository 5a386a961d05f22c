import Foundation

/// A file with a token in it, as no service should have one: the demo shows that it is of no use to others.
enum TokenFile {
    static func read(_ path: String) throws -> String {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Writes the token; whoever waits for the file never sees half of it.
    static func write(_ token: String, to path: String) throws {
        try Data("\(token)\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
