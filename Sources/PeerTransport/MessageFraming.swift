package import NIOCore

/// Why the bytes of a request are not a gRPC message.
package enum MessageFramingError: Error, Hashable {
    /// The flag byte says compressed, whatever the coding.
    case compressed
    /// The flag byte is neither 0 nor 1.
    case unknownFlag(UInt8)
    /// The length exceeds what is accepted.
    case tooLarge(bytes: Int, limit: Int)
}

/// Takes gRPC messages out of a stream of bytes: a flag byte, four bytes of length, the message.
package struct MessageDecoder {
    /// Bytes in front of each message.
    package static let prefixBytes = 5

    package let maxMessageBytes: Int
    private var buffer = ByteBuffer()

    package init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    /// Bytes that have come and belong to no message that was taken.
    package var bufferedBytes: Int { self.buffer.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        if self.buffer.readableBytes == 0 {
            self.buffer = bytes
        } else {
            self.buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole message; nil until more bytes have come.
    ///
    /// A length above the limit is refused before its bytes are waited for.
    package mutating func next() throws(MessageFramingError) -> ByteBuffer? {
        let start = self.buffer.readerIndex
        guard let flag = self.buffer.getInteger(at: start, as: UInt8.self),
            let length = self.buffer.getInteger(at: start + 1, as: UInt32.self)
        else { return nil }
        switch flag {
        case 0: break
        case 1: throw .compressed
        default: throw .unknownFlag(flag)
        }
        guard Int(length) <= self.maxMessageBytes else {
            throw .tooLarge(bytes: Int(length), limit: self.maxMessageBytes)
        }
        guard let message = self.buffer.getSlice(at: start + Self.prefixBytes, length: Int(length)) else { return nil }
        self.buffer.moveReaderIndex(forwardBy: Self.prefixBytes + Int(length))
        return message
    }

    /// Copies what is left of the bytes that were appended, so that a few of them do not keep a large buffer alive.
    package mutating func compact() {
        self.buffer = self.buffer.compacted()
    }
}

extension ByteBuffer {
    /// The same bytes: in a storage of their own where they would keep a much larger one alive.
    package func compacted() -> ByteBuffer {
        guard self.readableBytes > 0 else { return ByteBuffer() }
        return self.readableBytes < self.storageCapacity / 2 ? ByteBuffer(bytes: self.readableBytesView) : self
    }

    /// A message behind the prefix that gRPC puts in front of it, uncompressed.
    package static func framing(message: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: MessageDecoder.prefixBytes + message.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(clamping: message.count))
        buffer.writeBytes(message)
        return buffer
    }
}
