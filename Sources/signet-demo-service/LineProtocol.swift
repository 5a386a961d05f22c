import NIOCore

/// The protocol of the demo: one line asks, one line answers.
///
/// Words are separated by one space.
///
///     CALL <name of the caller> <serial number of the certificate that the caller was shown>
///     OK <name of the service> <serial number of the certificate that the service was shown>
enum LineProtocol {
    static let maxLineBytes = 1_024

    /// One side's line.
    struct Line: Equatable {
        let verb: String
        let name: String
        let serialSeen: String

        var bytes: ByteBuffer { ByteBuffer(string: "\(self.verb) \(self.name) \(self.serialSeen)\n") }
    }

    /// Reads one line; nothing may follow it.
    static func read(_ verb: String, from chunks: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> Line {
        var received = ByteBuffer()
        for try await chunk in chunks {
            received.writeImmutableBuffer(chunk)
            guard received.readableBytes <= self.maxLineBytes else { throw DemoError.lineTooLong }
            guard received.readableBytesView.last == UInt8(ascii: "\n") else { continue }
            let words = String(buffer: received).dropLast().split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 3, words[0] == verb, words.allSatisfy({ !$0.isEmpty }) else {
                throw DemoError.unexpectedLine
            }
            return Line(verb: verb, name: String(words[1]), serialSeen: String(words[2]))
        }
        throw DemoError.connectionClosed
    }
}

/// What goes wrong between the demo's services beside TLS.
enum DemoError: Error, CustomStringConvertible {
    case connectionClosed
    case lineTooLong
    case unexpectedLine
    case peerUnknown

    var description: String {
        switch self {
        case .connectionClosed: "the connection was closed before a line had arrived"
        case .lineTooLong: "the peer sent too long a line"
        case .unexpectedLine: "the peer sent a line that is not of this protocol"
        case .peerUnknown: "the peer is anonymous"
        }
    }
}
