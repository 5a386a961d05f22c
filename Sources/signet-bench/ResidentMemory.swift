import Foundation

/// The memory of a process, from `/proc/PID/status`, in bytes.
package struct ResidentMemory: Sendable, Equatable {
    /// All that is in memory: VmRSS.
    package let bytes: Double
    /// What the process made itself, RssAnon; the rest is pages of programs and libraries, which others share.
    package let ownBytes: Double

    /// Reads the text of the file.
    ///
    /// - Throws: ``UnreadableOutput`` when a line is missing.
    package init(parsing text: String) throws(UnreadableOutput) {
        guard let all = text.firstMatch(of: #/VmRSS:\s+([0-9]+) kB/#), let kibibytes = Double(all.output.1),
            let own = text.firstMatch(of: #/RssAnon:\s+([0-9]+) kB/#), let ownKibibytes = Double(own.output.1)
        else { throw UnreadableOutput(tool: "/proc/PID/status", reason: "no VmRSS or RssAnon") }
        self.bytes = kibibytes * 1_024
        self.ownBytes = ownKibibytes * 1_024
    }

    static func of(_ process: Child) throws -> Self {
        try Self(parsing: String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8))
    }

    /// What the process has in memory, as a figure.
    package func finding(_ figure: Figure) -> Finding {
        Finding(figure, value: self.bytes / 1e6, notes: [Self.note(ownBytes: self.ownBytes)])
    }

    static func note(ownBytes: Double) -> String {
        "\((ownBytes / 1e6).text(decimals: 1)) MB its own, the rest pages of programs and libraries"
    }
}
