import PeerTransport
import TestSupport
import Testing

/// The C core of gRPC, which most of gRPC's languages share, against our server.
@Suite("Calls by grpcio", .timeLimit(.minutes(1)))
struct GrpcioTests {
    /// What each script begins with: a channel, and a callable for each method, with messages as strings.
    private static let prelude = """
        import grpc, sys
        from google.protobuf.wrappers_pb2 import StringValue
        def encode(text): return StringValue(value=text).SerializeToString()
        def decode(data): return StringValue.FromString(data).value
        channel = grpc.insecure_channel('unix:' + sys.argv[1], options=[('grpc.max_receive_message_length', -1)])
        def method(kind, name, **options):
            return getattr(channel, kind)('/signet.test.Echo/' + name, encode, decode)
        unary, immediate = method('unary_unary', 'Unary'), method('unary_unary', 'Immediate')
        stream, converse = method('unary_stream', 'Stream'), method('stream_stream', 'Converse')
        fail, wait = method('unary_unary', 'Fail'), method('unary_unary', 'Wait')
        def code(call, *arguments, **options):
            try: return call(*arguments, **options)
            except grpc.RpcError as error: return error.code().name, error.details()

        """

    /// Runs a script against a server of echoes and returns its lines.
    private func run(_ script: String, limits: RPCLimits = RPCLimits()) async throws -> [String] {
        let output = try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await Python.run(Self.prelude + script, [running.path])
        }
        return output.split(separator: "\n").map(String.init)
    }

    @Test("unary calls and streams are answered")
    func calls() async throws {
        let lines = try await self.run(
            """
            print(unary('hello')); print(immediate('hi'))
            print(list(stream('a b c')))
            print(list(converse(iter(['x', 'y']))))
            """)
        #expect(lines == ["hello", "hi", "['a', 'b', 'c']", "['x', 'y']"])
    }

    @Test("statuses arrive with their messages and details")
    func statuses() async throws {
        let lines = try await self.run(
            """
            print(code(fail, 'näh 100%'))
            try: fail('x')
            except grpc.RpcError as error:
                print({key: value.hex() for key, value in error.trailing_metadata()})
            print(code(channel.unary_unary('/signet.test.Echo/Nothing'), b''))
            """)
        #expect(lines.first == "('FAILED_PRECONDITION', 'näh 100%')")
        #expect(lines.dropFirst().first?.hasPrefix("{'grpc-status-details-bin': '08091201781a") == true)
        #expect(lines.last == "('UNIMPLEMENTED', 'unknown method')")
    }

    @Test("messages of megabytes pass both ways, larger ones are refused")
    func large() async throws {
        let lines = try await self.run(
            """
            print(len(unary('x' * 4_000_000)), len(immediate('x' * 4_000_000)))
            print(code(unary, 'x' * 5_000_000))
            print(unary('again'))
            """)
        #expect(
            lines == [
                "4000000 4000000", "('RESOURCE_EXHAUSTED', 'the message is larger than 4194304 bytes')", "again",
            ])
    }

    @Test("compressed messages are UNIMPLEMENTED")
    func compression() async throws {
        let lines = try await self.run(
            """
            print(code(unary, 'x' * 1000, compression=grpc.Compression.Gzip))
            print(unary('x'))
            """)
        #expect(lines == ["('UNIMPLEMENTED', 'compressed messages are not accepted')", "x"])
    }

    @Test("deadlines and cancellation reach the handler")
    func ends() async throws {
        let events = Events()
        let register = { (routes: inout RPCRoutes) in
            routes.serveEcho(events)
            routes.unary(EchoMethods.unary) { _, _ in Text(await events.next() ?? "") }
        }
        let script = """
            immediate('')
            print(code(wait, '', timeout=2)[0], unary(''), unary(''))
            call = wait.future('')
            print(unary(''))
            call.cancel()
            print(call.cancelled(), unary(''))
            """
        let output = try await withServer(register) { running in
            try await Python.run(Self.prelude + script, [running.path])
        }
        #expect(
            output.split(separator: "\n") == ["DEADLINE_EXCEEDED waiting cancelled", "waiting", "True cancelled"])
    }

    @Test("a thousand calls at once on one connection are answered")
    func concurrency() async throws {
        let lines = try await self.run(
            """
            calls = [(unary if i % 2 else immediate).future(str(i)) for i in range(1000)]
            print(all(call.result() == str(i) for i, call in enumerate(calls)))
            """)
        #expect(lines == ["True"])
    }

    @Test("streams that are left before their end do not count as abuse")
    func abandonedStreams() async throws {
        var limits = RPCLimits()
        limits.maxUnansweredResets = 10
        let lines = try await self.run(
            """
            for i in range(300):
                call = converse(iter(lambda: 'again', None))
                assert next(call) == 'again'
                call.cancel()
            print(unary('still here'))
            """, limits: limits)
        #expect(lines == ["still here"])
    }
}
