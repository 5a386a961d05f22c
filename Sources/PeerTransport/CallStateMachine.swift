package import GRPCCore
package import NIOCore

/// The life of one call: what may come of its request, what may go of its response.
///
/// Events in, actions out; nothing is performed here. Once the response has ended, requests are dropped.
package struct CallStateMachine {
    /// How many request messages the method takes.
    package enum Requests: Hashable {
        case one
        case many
    }

    private enum Response: Hashable {
        case notBegun
        case begun
        case ended
    }

    private let requests: Requests
    private var decoder: MessageDecoder
    private var single: ByteBuffer?
    package private(set) var requestHasEnded = false
    private var response = Response.notBegun

    package init(requests: Requests, maxRequestBytes: Int) {
        self.requests = requests
        self.decoder = MessageDecoder(maxMessageBytes: maxRequestBytes)
    }

    /// Whether anything of a response was sent.
    package var isAnswered: Bool { self.response != .notBegun }
    /// Whether all of the response was sent.
    package var responseHasEnded: Bool { self.response == .ended }
    /// Bytes of the request that wait for the rest of their message, or for the end of the request.
    package var bufferedBytes: Int { self.decoder.bufferedBytes + (self.single?.readableBytes ?? 0) }

    package enum ReceiveAction: Equatable {
        case nothing
        /// The one request of the call is complete.
        case start(ByteBuffer)
        /// Further requests of the call, and whether they were the last.
        case deliver([ByteBuffer], ended: Bool)
        /// The request breaks a rule: answer so.
        case refuse(RPCError)
    }

    /// Bytes of the request have come.
    package mutating func receive(_ bytes: ByteBuffer, ended: Bool) -> ReceiveAction {
        guard !self.responseHasEnded, !self.requestHasEnded else {
            self.requestHasEnded = self.requestHasEnded || ended
            return .nothing
        }
        self.requestHasEnded = ended
        self.decoder.append(bytes)
        var messages: [ByteBuffer] = []
        do {
            while let message = try self.decoder.next() { messages.append(message) }
        } catch {
            return .refuse(RPCError(error))
        }
        self.decoder.compact()
        if ended, self.decoder.bufferedBytes > 0 {
            return .refuse(RPCError(code: .internalError, message: "the request ends within a message"))
        }
        switch self.requests {
        case .many:
            return messages.isEmpty && !ended ? .nothing : .deliver(messages.map { $0.compacted() }, ended: ended)
        case .one:
            return self.collect(messages, ended: ended)
        }
    }

    private mutating func collect(_ messages: [ByteBuffer], ended: Bool) -> ReceiveAction {
        guard messages.count + (self.single == nil ? 0 : 1) <= 1 else {
            return .refuse(RPCError(code: .unimplemented, message: "the method takes one request message"))
        }
        self.single = messages.first ?? self.single
        guard ended else {
            self.single = self.single?.compacted()
            return .nothing
        }
        guard let single = self.single else {
            return .refuse(RPCError(code: .unimplemented, message: "the method takes one request message"))
        }
        self.single = nil
        return .start(single)
    }

    package enum SendAction: Hashable {
        /// Send the initial header fields, then the message.
        case headersAndMessage
        case message
        /// The response has ended already.
        case drop
    }

    /// The handler has a response message.
    package mutating func send() -> SendAction {
        switch self.response {
        case .notBegun:
            self.response = .begun
            return .headersAndMessage
        case .begun:
            return .message
        case .ended:
            return .drop
        }
    }

    /// Forgets what has come of the request and was not given to anybody.
    package mutating func drop() {
        self.single = nil
        self.decoder = MessageDecoder(maxMessageBytes: self.decoder.maxMessageBytes)
    }

    package enum EndAction: Hashable {
        /// Send one block of header fields with the status.
        case trailersOnly
        /// Send the status behind the messages.
        case trailers
        /// The response has ended already.
        case drop
    }

    /// The call has its status.
    package mutating func end() -> EndAction {
        defer {
            self.response = .ended
            self.drop()
        }
        switch self.response {
        case .notBegun: return .trailersOnly
        case .begun: return .trailers
        case .ended: return .drop
        }
    }
}

extension RPCError {
    /// What a client is told of a message that is not one.
    init(_ error: MessageFramingError) {
        switch error {
        case .compressed:
            self.init(
                code: .unimplemented, message: "compressed messages are not accepted",
                metadata: ["grpc-accept-encoding": "identity"])
        case .unknownFlag:
            self.init(code: .internalError, message: "malformed message frame")
        case .tooLarge(_, let limit):
            self.init(code: .resourceExhausted, message: "the message is larger than \(limit) bytes")
        }
    }
}
