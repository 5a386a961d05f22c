import FoundationEssentials
import JOSE
import Logging

/// One line a message on standard error: text for people, JSON for machines.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LoggingSettings.Format
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    /// RFC 3339 in UTC, with milliseconds.
    private static let timestamp = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = self.metadata
        if let more = event.metadata { fields.merge(more) { _, new in new } }
        if let error = event.error { fields["error"] = "\(error)" }
        let pairs = fields.map { (name: $0.key, value: "\($0.value)") }.sorted { $0.name < $1.name }
        let time = Date().formatted(Self.timestamp)
        switch self.format {
        case .text: Console.error(self.textLine(time: time, event: event, pairs: pairs))
        case .json: Console.error(self.jsonLine(time: time, event: event, pairs: pairs))
        }
    }

    private func textLine(time: String, event: LogEvent, pairs: [(name: String, value: String)]) -> String {
        let fields = pairs.map { " \($0.name)=\(Self.quoted($0.value))" }.joined()
        let level = event.level.rawValue.uppercased()
        return "\(time) \(level) \(self.label): \(event.message.description.oneLine)\(fields)"
    }

    private func jsonLine(time: String, event: LogEvent, pairs: [(name: String, value: String)]) -> String {
        var object: JSONObject = [
            "time": .string(time), "level": .string(event.level.rawValue), "logger": .string(self.label),
            "message": .string(event.message.description),
        ]
        for (name, value) in pairs { object[name] = .string(value) }
        return String(decoding: JSON.serialize(.object(object)), as: UTF8.self)
    }

    private static func quoted(_ text: String) -> String {
        let line = text.oneLine
        guard line.isEmpty || line.contains(where: { " \"=".contains($0) }) else { return line }
        return "\"\(line.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
