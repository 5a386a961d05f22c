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

    /// The longest status message in bytes, as it is encoded.
    package static let maxMessageBytes = 4 * 1_024
    /// The most metadata that goes with a status, in bytes of names and values.
    ///
    /// With the message it stays below the 16 KiB of one HEADERS frame, however badly it compresses, and below the 8 KiB
    /// that gRPC's clients accept.
    package static let maxMetadataBytes = 4 * 1_024

    /// Nothing of it is kept in the compression table, whose size the peer sets: no two errors need be the same.
    private static func append(_ error: RPCError, to headers: inout HPACKHeaders) {
        headers.add(name: "grpc-status", value: String(error.code.rawValue))
        if !error.message.isEmpty {
            headers.add(
                name: "grpc-message", value: Self.percentEncoded(error.message), indexing: .nonIndexable)
        }
        var bytes = 0
        for (name, value) in error.metadata {
            let (name, value) = (name.lowercased(), value.encoded())
            guard bytes + name.utf8.count + value.utf8.count <= Self.maxMetadataBytes else { continue }
            bytes += name.utf8.count + value.utf8.count
            headers.add(name: name, value: value, indexing: .nonIndexable)
        }
    }

    /// Encodes a status message as gRPC wants it: bytes of UTF-8 outside of space to `~`, and `%`, become `%XX`.
    ///
    /// What is longer than ``maxMessageBytes`` ends before the character that does not fit.
    package static func percentEncoded(_ message: String) -> String {
        let isPlain = { (byte: UInt8) in (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "%") }
        if message.utf8.count <= Self.maxMessageBytes, message.utf8.allSatisfy(isPlain) { return message }
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for scalar in message.unicodeScalars {
            let end = encoded.count
            for byte in scalar.utf8 {
                if isPlain(byte) {
                    encoded.append(byte)
                } else {
                    encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
                }
            }
            guard encoded.count <= Self.maxMessageBytes else {
                encoded.removeSubrange(end...)
                break
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}
