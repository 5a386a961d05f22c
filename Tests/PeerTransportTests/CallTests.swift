import ControlPlaneProtos
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import PeerTransport
import ProtoRPC
import SwiftProtobuf
import Testing

@Suite("Calls by gRPC Swift", .timeLimit(.minutes(1)))
struct CallTests {
    @Test(
        "a unary call is answered, on the event loop or in a task",
        arguments: [EchoMethods.unary, EchoMethods.immediate])
    func unary(method: RPCMethod<Text, Text>) async throws {
        let answer = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { try await $0.call(method, Text("hello")) }
        }
        #expect(answer == Text("hello"))
    }

    @Test(
        "a message of many flow-control windows passes both ways",
        arguments: [EchoMethods.unary, EchoMethods.immediate])
    func large(method: RPCMethod<Text, Text>) async throws {
        let text = Text(String(repeating: "x", count: 3_000_000))
        let answer = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { try await $0.call(method, text) }
        }
        #expect(answer == text)
    }

    @Test("a stream of responses comes in order and ends")
    func serverStream() async throws {
        let words = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                try await client.stream(EchoMethods.stream, Text("a b c")) { responses in
                    try await responses.reduce(into: [String]()) { $0.append($1.value) }
                }
            }
        }
        #expect(words == ["a", "b", "c"])
    }

    @Test("a conversation answers each request before the next is sent")
    func conversation() async throws {
        let answers = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                let (turns, turn) = AsyncStream<Int>.makeStream()
                turn.yield(0)
                return try await client.converse(EchoMethods.converse) { writer in
                    for await number in turns { try await writer.write(Text("\(number)")) }
                } _: { responses in
                    var answers: [String] = []
                    for try await response in responses {
                        answers.append(response.value)
                        if answers.count < 3 { turn.yield(answers.count) } else { turn.finish() }
                    }
                    return answers
                }
            }
        }
        #expect(answers == ["0", "1", "2"])
    }

    @Test("a conversation carries more than any window holds")
    func longConversation() async throws {
        let total = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                try await client.converse(EchoMethods.converse) { writer in
                    for _ in 0..<200 { try await writer.write(Text(String(repeating: "y", count: 20_000))) }
                } _: { responses in
                    try await responses.reduce(0) { $0 + $1.value.utf8.count }
                }
            }
        }
        #expect(total == 4_000_000)
    }

    @Test("an error arrives with code, message and details")
    func failure() async throws {
        let error = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                await #expect(throws: RPCError.self) { try await client.call(EchoMethods.fail, Text("über 100%\n")) }
            }
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message == "über 100%\n")
        #expect(error?.detail(of: Text.self) == Text("über 100%\n"))
    }

    @Test("an error with a message and details of any length arrives, cut short")
    func largeFailure() async throws {
        let error = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                await #expect(throws: RPCError.self) {
                    try await client.call(EchoMethods.fail, Text(String(repeating: "x", count: 30_000)))
                }
            }
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.message == String(repeating: "x", count: ResponseHeaders.maxMessageBytes))
        #expect(error?.detail(of: Text.self) == nil)
    }

    @Test("an error that is no status is INTERNAL and tells nothing")
    func internalFailure() async throws {
        struct Secret: Error {}
        let error = try await withServer({ $0.unary(EchoMethods.unary) { _, _ in throw Secret() } }) { running in
            try await running.withClient { client in
                await #expect(throws: RPCError.self) { try await client.call(EchoMethods.unary, Text("")) }
            }
        }
        #expect(error?.code == .internalError)
        #expect(error?.message == "internal error")
    }

    @Test("an unknown method is UNIMPLEMENTED")
    func unknownMethod() async throws {
        let error = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                await #expect(throws: RPCError.self) {
                    try await client.call(RPCMethod<Text, Text>(service: EchoMethods.service, name: "Other"), Text(""))
                }
            }
        }
        #expect(error?.code == .unimplemented)
    }

    @Test("a request above the limit is RESOURCE_EXHAUSTED and the connection lives on")
    func tooLarge() async throws {
        var limits = RPCLimits()
        limits.maxRequestBytes = 1_000
        let answer = try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await running.withClient { client in
                let error = await #expect(throws: RPCError.self) {
                    try await client.call(EchoMethods.unary, Text(String(repeating: "x", count: 100_000)))
                }
                #expect(error?.code == .resourceExhausted)
                #expect(error?.message == "the message is larger than 1000 bytes")
                return try await client.call(EchoMethods.unary, Text("still here"))
            }
        }
        #expect(answer == Text("still here"))
    }

    @Test("metadata reaches the handler, every value of it")
    func metadata() async throws {
        let answer = try await withServer({
            $0.immediate(EchoMethods.immediate) { _, context in Text(context.header("X-Name").joined(separator: ",")) }
        }) { running in
            try await running.withClient { client in
                var metadata = Metadata()
                metadata.addString("a", forKey: "x-name")
                metadata.addString("b", forKey: "x-name")
                return try await client.call(EchoMethods.immediate, Text(""), metadata: metadata)
            }
        }
        #expect(answer == Text("a,b"))
    }

    @Test("a check refuses every call of its service, and no other", arguments: [true, false])
    func checks(waits: Bool) async throws {
        let other = RPCMethod<Text, Text>(service: "signet.test.Other", name: "Unary")
        let refusal = RPCError(code: .unauthenticated, message: "who are you")
        try await withServer({ routes in
            routes.serveEcho()
            routes.unary(other) { request, _ in request }
            if waits {
                routes.intercept(EchoMethods.service) { _ in
                    await Task.yield()
                    throw refusal
                }
            } else {
                routes.intercept(EchoMethods.service) { _ in throw refusal }
            }
        }) { running in
            try await running.withClient { client in
                for method in [EchoMethods.unary, EchoMethods.immediate] {
                    let error = await #expect(throws: RPCError.self) { try await client.call(method, Text("")) }
                    #expect(error?.code == .unauthenticated)
                    #expect(error?.message == "who are you")
                }
                let error = await #expect(throws: RPCError.self) {
                    try await client.converse(EchoMethods.converse) { _ in
                    } _: { responses in
                        for try await _ in responses {}
                    }
                }
                #expect(error?.code == .unauthenticated)
                let answer = try await client.call(other, Text("me"))
                #expect(answer == Text("me"))
            }
        }
    }

    @Test("a deadline answers DEADLINE_EXCEEDED and cancels the handler")
    func deadline() async throws {
        let events = Events()
        let error = try await withServer({ $0.serveEcho(events) }) { running in
            try await running.withClient { client in
                // The client counts from before it is connected.
                _ = try await client.call(EchoMethods.unary, Text(""))
                let error = await #expect(throws: RPCError.self) {
                    try await client.call(EchoMethods.wait, Text(""), timeout: .seconds(2))
                }
                #expect(await events.next() == "waiting")
                #expect(await events.next() == "cancelled")
                return error
            }
        }
        #expect(error?.code == .deadlineExceeded)
    }

    @Test("the handler knows the deadline")
    func deadlineOfHandler() async throws {
        let answer = try await withServer({
            $0.immediate(EchoMethods.immediate) { _, context in
                Text(context.deadline.map { $0 > .now && $0 < .now + .seconds(60) ? "soon" : "odd" } ?? "none")
            }
        }) { running in
            try await running.withClient { client in
                [
                    try await client.call(EchoMethods.immediate, Text("")).value,
                    try await client.call(EchoMethods.immediate, Text(""), timeout: .seconds(50)).value,
                ]
            }
        }
        #expect(answer == ["none", "soon"])
    }

    @Test("a call that the client cancels cancels the handler")
    func cancellation() async throws {
        let events = Events()
        try await withServer({ $0.serveEcho(events) }) { running in
            try await running.withClient { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await client.call(EchoMethods.wait, Text("")) }
                    #expect(await events.next() == "waiting")
                    group.cancelAll()
                    #expect(await events.next() == "cancelled")
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("a connection that the server closes for its peer cancels its handlers; others live on")
    func closing() async throws {
        let events = Events()
        try await withServer({ $0.serveEcho(events) }) { running in
            try await running.withClient { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let error = await #expect(throws: RPCError.self) {
                            try await client.call(EchoMethods.wait, Text(""))
                        }
                        #expect(error?.code == .unavailable || error?.code == .cancelled)
                    }
                    #expect(await events.next() == "waiting")
                    running.server.closeConnections { _ in false }
                    #expect(try await client.call(EchoMethods.unary, Text("open")) == Text("open"))
                    running.server.closeConnections { peer in
                        guard case .unix = peer else { return false }
                        return true
                    }
                    #expect(await events.next() == "cancelled")
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("many calls at once on one connection are all answered")
    func concurrency() async throws {
        let count = try await withServer({ $0.serveEcho() }) { running in
            try await running.withClient { client in
                try await withThrowingTaskGroup(of: Text.self) { group in
                    for number in 0..<500 {
                        group.addTask {
                            let method = number.isMultiple(of: 2) ? EchoMethods.unary : EchoMethods.immediate
                            return try await client.call(method, Text("\(number)"))
                        }
                    }
                    return try await group.reduce(into: Set<String>()) { $0.insert($1.value) }.count
                }
            }
        }
        #expect(count == 500)
    }
}
