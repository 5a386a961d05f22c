import Foundation
import SwiftProtobuf

/// Bytes that are sent in the place of a message, whether or not they are one.
struct MessageBytes: Message {
    static let protoMessageName = "MessageBytes"

    var bytes: [UInt8] = []
    var unknownFields = UnknownStorage()

    init() {}

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Nobody sends one here.
    mutating func decodeMessage<D: Decoder>(decoder: inout D) throws {
        while try decoder.nextFieldNumber() != nil {}
    }

    func traverse<V: Visitor>(visitor: inout V) throws {
        try visitor.visitUnknown(bytes: Data(self.bytes))
    }

    func isEqualTo(message: any Message) -> Bool {
        (message as? MessageBytes)?.bytes == self.bytes
    }
}
