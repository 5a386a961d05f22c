import HTTPTypes
import Hummingbird
import NIOCore

extension ResponseBody {
    /// The longest body that is sent without looking at the token again, where its length is known.
    private static let maxUnwatchedBytes = 65_536

    /// The same body, which is written only while a token holds.
    ///
    /// What a handler has done it also says: the first part passes. A body that is short and of a known length is left as
    /// it is.
    ///
    /// - Parameters:
    ///   - stillValid: Asked before each further part.
    ///   - end: Throws once the token does not hold any more, or is cancelled.
    func written(
        while stillValid: @escaping @Sendable () throws -> Void, until end: @escaping @Sendable () async throws -> Never
    ) -> ResponseBody {
        if let contentLength, contentLength <= Self.maxUnwatchedBytes { return self }
        return ResponseBody(contentLength: self.contentLength) { writer in
            let lent = LentWriter(writer: writer, stillValid: stillValid)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.write(lent) }
                group.addTask { try await end() }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}

/// The writer of a response in a child of its task.
// Unchecked: the child alone writes, and the task of the response waits for it.
private struct LentWriter: ResponseBodyWriter, @unchecked Sendable {
    private var writer: any ResponseBodyWriter
    private let stillValid: @Sendable () throws -> Void
    private var hasWritten = false

    init(writer: any ResponseBodyWriter, stillValid: @escaping @Sendable () throws -> Void) {
        self.writer = writer
        self.stillValid = stillValid
    }

    mutating func write(_ buffer: ByteBuffer) async throws {
        if self.hasWritten { try self.stillValid() }
        self.hasWritten = true
        try await self.writer.write(buffer)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await self.writer.finish(trailingHeaders)
    }
}
