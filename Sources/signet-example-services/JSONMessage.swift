import Foundation
import GRPCCore

/// Messages of gRPC as JSON, so that the example needs no protobuf compiler.
struct JSONMessage<Message: Codable & Sendable>: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
        Bytes(try JSONEncoder().encode(message))
    }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        try unsafe bytes.withUnsafeBytes { try unsafe JSONDecoder().decode(Message.self, from: Data($0)) }
    }
}
