package import GRPCCore
package import NIOHPACK

/// The header fields that gRPC answers with.
package enum ResponseHeaders {
    /// What begins a response that has messages.
    package static let initial: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
    /// What ends a successful one.
    package static let success: HPACKHeaders = ["grpc-status": "0"]

    /// What ends a call that failed after its response began.
    package static func trailers(_ error: RPCError) -> HPACKHeaders {
        var headers = HPACKHeaders()
        Self.append(error, to: &headers)
        return headers
    }

    /// The whole response of a call that failed, or ended, before its response began.
    package static func trailersOnly(_ error: RPCError?) -> HPACKHeaders {
        var headers = Self.initial
        guard let error else {
            headers.add(name: "grpc-status", value: "0")
            return headers
        }
        Self.append(error, to: &headers)
        return headers
    }

    package static func http(status: Int) -> HPACKHeaders {
        [":status": String(status)]
    }

    private static func append(_ error: RPCError, to headers: inout HPACKHeaders) {
        headers.add(name: "grpc-status", value: String(error.code.rawValue))
        if !error.message.isEmpty {
            headers.add(name: "grpc-message", value: Self.percentEncoded(error.message))
        }
        for (name, value) in error.metadata {
            headers.add(name: name.lowercased(), value: value.encoded())
        }
    }

    /// Encodes a status message as gRPC wants it: bytes of UTF-8 outside of space to `~`, and `%`, become `%XX`.
    package static func percentEncoded(_ message: String) -> String {
        let isPlain = { (byte: UInt8) in (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%") }
        guard !message.utf8.allSatisfy(isPlain) else { return message }
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in message.utf8 {
            if isPlain(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
