import GRPCCore
import PeerTransport
import ProtoRPC
import SwiftProtobuf

typealias Text = Google_Protobuf_StringValue

/// A service for tests: one method of each kind.
enum EchoMethods {
    static let service = "signet.test.Echo"
    static let unary = RPCMethod<Text, Text>(service: service, name: "Unary")
    static let immediate = RPCMethod<Text, Text>(service: service, name: "Immediate")
    static let stream = RPCMethod<Text, Text>(service: service, name: "Stream")
    static let converse = RPCMethod<Text, Text>(service: service, name: "Converse")
    static let fail = RPCMethod<Text, Text>(service: service, name: "Fail")
    static let wait = RPCMethod<Text, Text>(service: service, name: "Wait")
}

/// What the handlers of a test saw, as it happens.
struct Events: Sendable {
    private let continuation: AsyncStream<String>.Continuation
    let stream: AsyncStream<String>

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
    }

    func add(_ event: String) { self.continuation.yield(event) }

    /// The next event that nobody has taken.
    func next() async -> String? {
        for await event in self.stream { return event }
        return nil
    }
}

extension RPCRoutes {
    /// Adds the echo service; `Wait` answers never and reports its cancellation.
    mutating func serveEcho(_ events: Events = Events()) {
        self.unary(EchoMethods.unary) { request, _ in request }
        self.immediate(EchoMethods.immediate) { request, _ in request }
        self.serverStream(EchoMethods.stream) { request, _, responses in
            for word in request.value.split(separator: " ") {
                try await responses.write(.with { $0.value = String(word) })
            }
        }
        self.bidirectional(EchoMethods.converse) { requests, _, responses in
            for try await request in requests { try await responses.write(request) }
        }
        self.unary(EchoMethods.fail) { request, _ in
            throw RPCError(code: .failedPrecondition, message: request.value, detail: request)
        }
        self.unary(EchoMethods.wait) { request, _ in
            events.add("waiting")
            await untilCancelled()
            events.add("cancelled")
            return request
        }
    }
}

/// Waits for ever, which ends with the task.
func untilCancelled() async {
    for await _ in AsyncStream<Void>.makeStream().stream {}
}

extension Text {
    init(_ value: String) {
        self = .with { $0.value = value }
    }
}
