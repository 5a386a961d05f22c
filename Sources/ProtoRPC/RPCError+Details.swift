package import GRPCCore
import GRPCProtobuf
package import SwiftProtobuf

extension RPCError {
    /// Makes an error that carries a message of details, as the trailer `grpc-status-details-bin` (google.rpc.Status).
    package init(code: RPCError.Code, message: String, detail: some Message) {
        self.init(GoogleRPCStatus.carrying(detail, code: code, message: message))
    }

    /// The first detail of the given type that the error carries; nil where there is none, or none that can be read.
    package func detail<Detail: Message>(of type: Detail.Type = Detail.self) -> Detail? {
        guard let bytes = self.metadata[binaryValues: "grpc-status-details-bin"].first(where: { _ in true }),
            let status = try? GoogleRPCStatus(serializedBytes: bytes)
        else { return nil }
        for case let any? in status.details.map(\.any) where any.isA(type) {
            return try? Detail(unpackingAny: any)
        }
        return nil
    }
}

extension GoogleRPCStatus {
    fileprivate static func carrying(_ detail: some Message, code: RPCError.Code, message: String) -> GoogleRPCStatus {
        // Packing fails only for messages with proto2 required fields, which no message of ours has.
        guard let any = try? Google_Protobuf_Any(message: detail) else {
            return GoogleRPCStatus(code: code, message: message, details: [])
        }
        return GoogleRPCStatus(code: code, message: message, details: [.any(any)])
    }
}
