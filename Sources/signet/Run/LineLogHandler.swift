import FoundationEssentials
import JOSE
import Logging

/// One line a message on standard error: text for people, JSON for machines.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LoggingSettings.Format
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = LogTimestamp.text(of: Date())
        switch self.format {
        case .text: Console.error(self.textLine(time: time, event: event, pairs: self.pairs(of: event)))
        case .json: Console.error(self.jsonLine(time: time, event: event, pairs: self.pairs(of: event)))
        }
    }

    /// What the event says beside its message, in the order of the names.
    private func pairs(of event: LogEvent) -> [(name: String, value: Logger.MetadataValue)] {
        var fields = self.metadata
        if let more = event.metadata {
            if fields.isEmpty { fields = more } else { fields.merge(more) { _, new in new } }
        }
        if let error = event.error { fields["error"] = "\(error)" }
        return fields.map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    }

    private func textLine(
        time: String, event: LogEvent, pairs: [(name: String, value: Logger.MetadataValue)]
    ) -> String {
        var line = time
        line.reserveCapacity(256)
        line += " "
        line += event.level.rawValue.uppercased()
        line += " "
        line += self.label
        line += ": "
        line += event.message.description.oneLine
        for (name, value) in pairs {
            line += " "
            line += name
            line += "="
            line += Self.quoted(value.description)
        }
        return line
    }

    private func jsonLine(
        time: String, event: LogEvent, pairs: [(name: String, value: Logger.MetadataValue)]
    ) -> String {
        var object: JSONObject = [
            "time": .string(time), "level": .string(event.level.rawValue), "logger": .string(self.label),
            "message": .string(event.message.description),
        ]
        for (name, value) in pairs { object[name] = .string(value.description) }
        return String(decoding: JSON.serialize(.object(object)), as: UTF8.self)
    }

    private static func quoted(_ text: String) -> String {
        let line = text.oneLine
        let isPlain = line.utf8.allSatisfy { byte in
            byte != UInt8(ascii: " ") && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
        }
        if isPlain, !line.isEmpty { return line }
        return "\"\(line.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
