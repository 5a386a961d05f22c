import Foundation
import TestSupport
import Testing

@Suite("The example configurations", .timeLimit(.minutes(2)))
struct ExampleConfigurations {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A line of a file that gives a key, or would without its `#`.
    private struct Line: Equatable {
        let text: String
        let depth: Int
        let name: String
        let isCommented: Bool

        init?(_ line: Substring) {
            guard let match = line.wholeMatch(of: #/  (# )?( *)([a-z0-9_]+):( .*)?/#) else { return nil }
            self.isCommented = match.output.1 != nil
            self.depth = match.output.2.count
            self.name = String(match.output.3)
            self.text = "  \(match.output.2)\(match.output.3):\(match.output.4 ?? "")\n"
        }
    }

    /// The keys of a section in the program's own list, by which it refuses all others.
    private static func known(_ section: String) throws -> Set<String> {
        let source = Self.root.appending(path: "Sources/signet/Configuration/ConfigurationKey.swift")
        let text = try String(contentsOf: source, encoding: .utf8)
        let own = section == "server" ? ["serverKeys", "oauthKeys", "auditKeys"] : ["agentKeys"]
        let lists = (own + ["limitKeys", "loggingKeys"]).map { name in
            text.split(separator: "static let \(name): [ConfigurationKey] = [").last?.prefix { $0 != "]" } ?? ""
        }
        return Set(lists.flatMap { $0.matches(of: #/\.init\("([a-z0-9_.]+)"/#) }.map { String($0.output.1) })
    }

    private static func lines(_ section: String) throws -> [Line] {
        let file = Self.root.appending(path: "Config/\(section).yaml")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap(Line.init)
    }

    /// The lines without which one is of no use, as its remark says: `only with KEY`, or in its section `required here`
    /// and `goes with KEY`.
    private static func needed(_ line: Line, _ lines: [Line]) -> String {
        if let condition = line.text.firstMatch(of: #/# only with ([a-z_]+)/#) { return "  \(condition.1): true\n" }
        guard let index = lines.firstIndex(of: line), line.depth > 0 else { return "" }
        let start = lines[..<index].lastIndex { $0.depth == 0 } ?? index
        let siblings = lines[(start + 1)...].prefix { $0.depth > 0 }
        let companion = line.text.firstMatch(of: #/# goes with ([a-z_]+)/#).map { String($0.output.1) }
        return siblings.filter { sibling in
            sibling != line && (sibling.text.contains("required here") || sibling.name == companion)
        }.map(\.text).joined()
    }

    @Test("each shows every key there is", arguments: ["server", "agent"])
    func complete(section: String) throws {
        var parent = ""
        var shown: Set<String> = []
        var parents: Set<String> = []
        for line in try Self.lines(section) {
            if line.depth == 0 { parent = line.name } else { parents.insert(parent) }
            shown.insert(line.depth == 0 ? line.name : "\(parent).\(line.name)")
        }
        #expect(try Self.known(section).count > 15)
        #expect(try shown.subtracting(parents) == Self.known(section))
    }

    @Test("each line that is commented out can be used as it is", arguments: ["server", "agent"])
    func usable(section: String) async throws {
        let lines = try Self.lines(section)
        let fixed = lines.filter { !$0.isCommented }.map(\.text).joined()
        var parent = ""
        for line in lines where line.isCommented {
            if line.depth == 0 { parent = line.text }
            let text = "\(section):\n\(fixed)\(line.depth == 0 ? "" : parent)\(Self.needed(line, lines))\(line.text)"
            let result = try await runProcess(
                CommandLineContract.signet, ["config", "validate", "--config", "-"], input: Array(text.utf8),
                environment: [:])
            // The files that are named are not on this machine.
            let namesFile = ["trust_bundle_path", "join_token_file"].contains(line.name)
            #expect(result.status == 0 || namesFile && result.errorText.contains("no such file"), "\(result.errorText)")
        }
    }
}
