package import GRPCCore
package import NIOHPACK

/// The header fields of a call, as far as the transport reads them.
package struct RequestHead: Hashable {
    /// The method, as `/service/name`.
    package let path: String
    /// How long the client waits; nil for ever.
    package let timeout: Duration?
    /// The size of all header fields (RFC 9113 §6.5.2).
    package let bytes: Int

    /// Why a request is answered without a handler.
    package enum Refusal: Error, Hashable {
        /// It is not gRPC at all: a bare HTTP status tells clients that do not know gRPC.
        case http(status: Int)
        /// It is gRPC, and gets a status of gRPC.
        case status(RPCError.Code, String)
    }

    /// Reads the header fields of a request.
    ///
    /// Any `:authority` is accepted: clients of Unix sockets make one up.
    package init(_ headers: HPACKHeaders, maxMetadataBytes: Int) throws(Refusal) {
        guard headers.first(name: ":method") == "POST" else { throw .http(status: 405) }
        guard let contentType = headers.first(name: "content-type"), Self.isGRPC(contentType) else {
            throw .http(status: 415)
        }
        self.bytes = Self.size(of: headers)
        guard self.bytes <= maxMetadataBytes else {
            throw .status(.resourceExhausted, "metadata is larger than \(maxMetadataBytes) bytes")
        }
        self.path = headers.first(name: ":path") ?? ""
        if let text = headers.first(name: "grpc-timeout") {
            guard let timeout = CallTimeout.parse(text) else { throw .status(.internalError, "malformed grpc-timeout") }
            self.timeout = timeout
        } else {
            self.timeout = nil
        }
    }

    private static func isGRPC(_ contentType: String) -> Bool {
        guard contentType.hasPrefix("application/grpc") else { return false }
        let rest = contentType.utf8.dropFirst("application/grpc".utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: ";")
    }

    private static func size(of headers: HPACKHeaders) -> Int {
        headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
    }
}
