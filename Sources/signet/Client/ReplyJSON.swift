import FoundationEssentials
import JOSE
import SwiftProtobuf

/// What `--output json` prints: a reply as protobuf JSON, its members in the same order every time.
enum ReplyJSON {
    static func text(of message: some Message) throws -> String {
        var options = JSONEncodingOptions()
        options.useDeterministicOrdering = true
        return try message.jsonString(options: options)
    }

    /// The reply with some of its members replaced, and behind them those that only this side knows.
    static func text(of message: some Message, with members: [(name: String, value: JSONValue)]) throws -> String {
        guard case .object(var object) = try Self.value(of: Self.text(of: message)) else {
            throw CommandError("the reply is no JSON object")
        }
        for (name, value) in members { object[name] = value }
        return String(decoding: JSON.serialize(.object(object)), as: UTF8.self)
    }

    /// A free-form object with its members in the order of their names; the library writes them in any.
    static func sorted(_ object: Google_Protobuf_Struct) throws -> JSONValue {
        let unordered = try Self.value(of: object.jsonString())
        return try Self.value(of: String(decoding: JSON.serialize(unordered, sorted: true), as: UTF8.self))
    }

    private static func value(of text: String) throws -> JSONValue {
        let bytes = Array(text.utf8)
        return try JSON.parse(bytes, maxBytes: bytes.count, maxDepth: JSON.greatestMaxDepth)
    }
}
