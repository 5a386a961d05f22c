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

    /// The reply, and behind its members those that only this side knows.
    static func text(of message: some Message, adding members: [(name: String, value: JSONValue)]) throws -> String {
        let reply = Array(try Self.text(of: message).utf8)
        guard case .object(var object) = try JSON.parse(reply, maxBytes: reply.count) else {
            throw CommandError("the server's reply is no JSON object")
        }
        for (name, value) in members { object[name] = value }
        return String(decoding: JSON.serialize(.object(object)), as: UTF8.self)
    }
}
