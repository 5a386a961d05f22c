import GRPCCore
import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2

// The request's way in.
extension RPCConnectionHandler {
    func receive(_ payload: HTTP2Frame.FramePayload.Headers, of id: HTTP2StreamID) {
        if let call = self.calls[id] {
            // Header fields behind the messages: gRPC's clients send none that mean anything, only the end.
            self.receive(ByteBuffer(), ended: payload.endStream, of: id, call)
            return
        }
        guard let peer = self.peer else { return self.close() }
        self.lifetime.lastStream = id
        guard self.calls.count < self.environment.limits.maxConcurrentStreams else {
            self.writeFrame(id, .rstStream(.refusedStream))
            return self.flush()
        }
        let limits = self.environment.limits
        guard let buffered = self.quota.openCall(limit: limits.maxStreamsPerPeer) else {
            let error = RPCError(code: .resourceExhausted, message: "too many calls at once")
            return self.refuse(id, ResponseHeaders.trailersOnly(error), requestHasEnded: payload.endStream)
        }
        do throws(RequestHead.Refusal) {
            guard !self.isFull, buffered <= limits.maxBufferedBytesPerPeer else {
                throw .status(.resourceExhausted, "too much is waiting to be read")
            }
            let head = try RequestHead(payload.headers, maxMetadataBytes: limits.maxMetadataBytes)
            try self.begin(head, payload, of: id, by: peer)
        } catch {
            self.quota.closeCall(releasing: 0)
            self.refuse(id, error.headers, requestHasEnded: payload.endStream)
        }
    }

    /// Whether as much is held for the connection as may be.
    private var isFull: Bool { self.bufferedBytes > self.environment.limits.maxBufferedBytesPerConnection }

    private func begin(
        _ head: RequestHead, _ payload: HTTP2Frame.FramePayload.Headers, of id: HTTP2StreamID, by peer: Peer
    ) throws(RequestHead.Refusal) {
        guard let route = self.environment.routes[head.path] else {
            throw .status(.unimplemented, "unknown method")
        }
        let context = RPCContext(
            peer: peer, remoteAddress: self.remoteAddress, path: head.path,
            deadline: head.timeout.map { .now.advanced(by: min($0, .seconds(1_000_000_000))) },
            headers: payload.headers, processes: self.processes, serverLogger: self.environment.logger)
        let call = Call(
            route: route, context: context, deadline: head.timeout.map { .now() + TimeAmount($0) },
            headBytes: head.bytes, maxRequestBytes: self.environment.limits.maxRequestBytes)
        self.calls[id] = call
        self.newCalls.append(id)
        if case .bidirectional(let handler) = route.handler { self.converse(call, id, handler) }
        if payload.endStream { self.receive(ByteBuffer(), ended: true, of: id, call) }
    }

    func receive(_ payload: HTTP2Frame.FramePayload.Data, of id: HTTP2StreamID) {
        guard let call = self.calls[id], case .byteBuffer(let bytes) = payload.data else { return }
        self.receive(bytes, ended: payload.endStream, of: id, call)
    }

    private func receive(_ bytes: ByteBuffer, ended: Bool, of id: HTTP2StreamID, _ call: Call) {
        switch call.machine.receive(bytes, ended: ended) {
        case .nothing:
            break
        case .start(let message):
            self.start(call, id, message)
        case .deliver(let messages, let ended):
            for message in messages { call.queue(message) }
            call.requests?.push(messages, ended: ended)
        case .refuse(let error):
            self.end(id, .failure(error))
        }
        self.count(call, id)
    }

    /// Brings the count of held bytes up to date, and ends the call that goes beyond what may be held.
    private func count(_ call: Call, _ id: HTTP2StreamID) {
        guard self.calls[id] != nil else { return }
        let more = call.heldBytes - call.countedBytes
        guard more != 0 else { return }
        call.countedBytes += more
        let total = self.hold(more)
        guard more > 0, self.isFull || total > self.environment.limits.maxBufferedBytesPerPeer else { return }
        self.end(id, .failure(RPCError(code: .resourceExhausted, message: "too much is waiting to be handled")))
    }

    /// Counts bytes that are held for the peer; returns those of all of its connections.
    @discardableResult
    private func hold(_ bytes: Int) -> Int {
        self.bufferedBytes += bytes
        return self.quota.buffer(bytes)
    }

    /// The handler has taken bytes of the request.
    func taken(_ bytes: Int, of id: HTTP2StreamID) {
        guard let call = self.calls[id] else { return }
        call.dequeue(bytes)
        self.count(call, id)
        self.widen(call, id)
    }

    func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let current = event.inboundWindowSize else { return }
        if event.streamID == .rootStream {
            // Never held back: what waits is bounded by stream, connection and peer.
            let increment = InboundWindow.increment(current: current, target: InboundWindow.connectionBytes, held: 0)
            guard let increment else { return }
            self.writeFrame(.rootStream, .windowUpdate(windowSizeIncrement: increment))
            self.flush()
        } else if let call = self.calls[event.streamID] {
            call.inboundWindow = current
            self.widen(call, event.streamID)
        }
    }

    private func widen(_ call: Call, _ id: HTTP2StreamID) {
        guard !call.machine.requestHasEnded else { return }
        let increment = InboundWindow.increment(
            current: call.inboundWindow, target: InboundWindow.streamBytes, held: call.queuedBytes)
        guard let increment else { return }
        call.inboundWindow += increment
        self.writeFrame(id, .windowUpdate(windowSizeIncrement: increment))
        self.flush()
    }

    func receiveReset(of id: HTTP2StreamID) {
        guard let call = self.calls[id] else { return }
        let wasAnswered = call.machine.isAnswered
        self.forget(id, because: "the call was cancelled")
        guard !wasAnswered, self.quota.recordUnansweredReset(self.environment.limits) else { return }
        self.refuse(because: "too many calls were reset")
    }

    /// The call is gone from the wire.
    func forget(_ id: HTTP2StreamID, because reason: String) {
        guard let call = self.calls.removeValue(forKey: id) else { return }
        call.cancel(RPCError(code: .cancelled, message: reason))
        if call.ended == nil { self.release(call) }
        self.leaveIfDone()
    }

    /// The handler of a call has ended, if the call has not before it.
    func finish(_ call: Call, _ id: HTTP2StreamID, _ outcome: Result<ByteBuffer?, RPCError>) {
        call.ended = nil
        if self.calls[id] == nil {
            self.release(call)
        } else {
            self.end(id, outcome)
        }
    }

    /// Neither the wire nor a handler has the call any more: the peer may make another.
    private func release(_ call: Call) {
        self.bufferedBytes -= call.countedBytes
        self.quota.closeCall(releasing: call.countedBytes)
        call.countedBytes = 0
    }
}

// Handlers.
extension RPCConnectionHandler {
    private func start(_ call: Call, _ id: HTTP2StreamID, _ message: ByteBuffer) {
        let context = call.context
        guard !self.isFull else {
            return self.end(
                id, .failure(RPCError(code: .resourceExhausted, message: "too much is waiting to be read")))
        }
        switch call.route.handler {
        case .immediate(let handler):
            do {
                try call.check()
                self.end(id, .success(try handler(message, context)))
            } catch {
                self.end(id, .failure(context.status(of: error)))
            }
        case .unary(let handler):
            let message = message.compacted()
            guard self.keep(message, for: call, id) else { return }
            self.run(call, id) { _ in try await handler(message, context) }
        case .serverStream(let handler):
            let message = message.compacted()
            guard self.keep(message, for: call, id) else { return }
            self.run(call, id) { handle in
                try await handler(message, context, handle)
                return nil
            }
        case .bidirectional:
            break
        }
    }

    /// Counts a request for as long as its handler runs; false where that is too much.
    private func keep(_ message: ByteBuffer, for call: Call, _ id: HTTP2StreamID) -> Bool {
        call.keep(message)
        self.count(call, id)
        return !call.machine.responseHasEnded
    }

    private func converse(
        _ call: Call, _ id: HTTP2StreamID,
        _ handler: @escaping @Sendable (RequestQueue, RPCContext, CallHandle) async throws -> Void
    ) {
        let context = call.context
        let requests = RequestQueue()
        call.requests = requests
        self.run(call, id) { handle in
            try await handler(requests, context, handle)
            return nil
        }
    }

    /// Has a task of the server handle the call.
    private func run(
        _ call: Call, _ id: HTTP2StreamID, _ body: @escaping @Sendable (CallHandle) async throws -> ByteBuffer?
    ) {
        guard let eventLoop = self.context?.eventLoop else { return }
        do {
            try call.check()
        } catch {
            return self.end(id, .failure(call.context.status(of: error)))
        }
        let context = call.context
        let handle = CallHandle(
            connection: NIOLoopBound(self, eventLoop: eventLoop), call: NIOLoopBound(call, eventLoop: eventLoop), id: id
        )
        let ended = EndSignal()
        call.ended = ended
        let task = CallTask(ended: ended) {
            do {
                return .success(try await body(handle))
            } catch {
                return .failure(context.status(of: error))
            }
        } report: {
            handle.finish($0)
        }
        guard self.environment.queues.add(task, from: self.number) else {
            call.ended = nil
            return self.end(id, .failure(RPCError(code: .unavailable, message: "the server takes no more calls")))
        }
    }

    /// Counts and watches the calls that were not answered within the batch of reads that brought them.
    func settleNewCalls() {
        guard !self.newCalls.isEmpty else { return }
        for id in self.newCalls {
            guard let call = self.calls[id] else { continue }
            self.count(call, id)
            if let deadline = call.deadline, !call.machine.responseHasEnded { self.wake(at: deadline) }
        }
        self.newCalls.removeAll(keepingCapacity: true)
    }

    /// Has the deadlines looked at: one timer for the earliest of all calls, which later ones do without.
    ///
    /// It is never cancelled, since NIO searches all timers for one that is.
    private func wake(at deadline: NIODeadline) {
        if let next = self.nextDeadline, next <= deadline { return }
        guard let eventLoop = self.context?.eventLoop else { return }
        self.nextDeadline = deadline
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self, self.nextDeadline == deadline else { return }
            self.nextDeadline = nil
            self.endLateCalls()
        }
    }

    private func endLateCalls() {
        let now = NIODeadline.now()
        for (id, call) in self.calls where !call.machine.responseHasEnded {
            guard let deadline = call.deadline else { continue }
            if deadline <= now {
                self.end(id, .failure(RPCError(code: .deadlineExceeded, message: "the deadline has passed")))
            } else {
                self.wake(at: deadline)
            }
        }
    }
}

// The response's way out.
extension RPCConnectionHandler {
    /// Sends a response message; the promise is kept when it has left.
    func write(_ message: ByteBuffer, to id: HTTP2StreamID, promise: EventLoopPromise<Void>) {
        guard let call = self.calls[id], !call.machine.responseHasEnded else {
            return promise.fail(ChannelError.ioOnClosedChannel)
        }
        if let refusal = self.send(message, of: call, id, promise: promise) {
            self.end(id, .failure(refusal))
        } else {
            self.flush()
        }
    }

    /// Writes a response message, unless too much is waiting to be read before it.
    private func send(
        _ message: ByteBuffer, of call: Call, _ id: HTTP2StreamID, promise: EventLoopPromise<Void>
    ) -> RPCError? {
        let isFull = self.isFull
        let bytes = message.readableBytes
        let total = self.hold(bytes)
        let quota = self.quota
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.bufferedBytes -= bytes
            _ = quota.buffer(-bytes)
        }
        guard !isFull, total - bytes <= self.environment.limits.maxBufferedBytesPerPeer else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return RPCError(code: .resourceExhausted, message: "too much is waiting to be read")
        }
        if call.machine.send() == .headersAndMessage {
            self.writeFrame(id, .headers(.init(headers: ResponseHeaders.initial)))
        }
        self.writeFrame(id, .data(.init(data: .byteBuffer(message))), promise: promise)
        return nil
    }

    /// Ends the call.
    func end(_ id: HTTP2StreamID, _ outcome: Result<ByteBuffer?, RPCError>) {
        guard let call = self.calls[id], !call.machine.responseHasEnded, let eventLoop = self.context?.eventLoop else {
            return
        }
        let failure: RPCError?
        switch outcome {
        case .success(let message?):
            failure = self.send(message, of: call, id, promise: eventLoop.makePromise())
        case .success(nil):
            failure = nil
        case .failure(let error):
            failure = error
        }
        let trailers: HPACKHeaders
        switch call.machine.end() {
        case .trailersOnly: trailers = ResponseHeaders.trailersOnly(failure)
        case .trailers: trailers = failure.map(ResponseHeaders.trailers) ?? ResponseHeaders.success
        case .drop: return
        }
        self.endStream(id, trailers, requestHasEnded: call.machine.requestHasEnded, eventLoop)
        self.flush()
        call.cancel(failure ?? RPCError(code: .cancelled, message: "the call has ended"))
        self.count(call, id)
    }

    /// Answers a request for which there is no call.
    private func refuse(_ id: HTTP2StreamID, _ headers: HPACKHeaders, requestHasEnded: Bool) {
        guard let eventLoop = self.context?.eventLoop else { return }
        self.endStream(id, headers, requestHasEnded: requestHasEnded, eventLoop)
        self.flush()
    }

    /// Sends the last header fields of a response.
    ///
    /// A client that still sends is told to stop (RFC 9113 §8.1), once they have left: a reset would discard them.
    private func endStream(
        _ id: HTTP2StreamID, _ headers: HPACKHeaders, requestHasEnded: Bool, _ eventLoop: any EventLoop
    ) {
        let payload = HTTP2Frame.FramePayload.headers(.init(headers: headers, endStream: true))
        guard !requestHasEnded else { return self.writeFrame(id, payload) }
        let left = eventLoop.makePromise(of: Void.self)
        left.futureResult.assumeIsolated().whenSuccess {
            self.writeFrame(id, .rstStream(.noError))
            self.flush()
        }
        self.writeFrame(id, payload, promise: left)
    }
}

extension RPCContext {
    /// The status that a handler's error becomes.
    ///
    /// What is not meant for the client is logged, and the client not told.
    func status(of error: any Error) -> RPCError {
        if let error = error as? RPCError { return error }
        if let error = error as? any RPCErrorConvertible { return RPCError(error) }
        if error is CancellationError { return RPCError(code: .cancelled, message: "the call was cancelled") }
        self.logger.error("call failed", metadata: ["error": "\(error)"])
        return RPCError(code: .internalError, message: "internal error")
    }
}

extension RequestHead.Refusal {
    fileprivate var headers: HPACKHeaders {
        switch self {
        case .http(let status): ResponseHeaders.http(status: status)
        case .status(let code, let message): ResponseHeaders.trailersOnly(RPCError(code: code, message: message))
        }
    }
}
