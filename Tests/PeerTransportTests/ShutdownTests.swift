import ControlPlaneProtos
import GRPCCore
import Logging
import NIOHPACK
import PeerTransport
import ProtoRPC
import Rotation
import ServiceLifecycle
import SwiftProtobuf
import TestSupport
import Testing

@Suite("Shutdown and age", .timeLimit(.minutes(1)))
struct ShutdownTests {
    /// Runs a server in a service group, and `body` with a way to shut it down.
    private func withService(
        limits: RPCLimits, _ events: Events,
        _ body: @Sendable (_ path: String, _ shutDown: @Sendable () async -> Void) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("run/test.sock")
            var routes = RPCRoutes()
            routes.serveEcho(events)
            routes.serveHealth(Watched(true))
            try routes.serveReflection(of: [])
            let server = RPCServer(
                listeners: [
                    RPCListener(
                        .unix(path: path, socketMode: 0o600, directoryMode: 0o700), routes: routes, limits: limits)
                ],
                logger: quietLogger)
            let services = ServiceGroup(services: [server], logger: quietLogger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                _ = try await server.boundAddress(of: 0)
                try await body(path) { await services.triggerGracefulShutdown() }
                try await group.waitForAll()
            }
            #expect(try directory.names() == ["run"])
            #expect(try directory.names(in: "run").isEmpty)
        }
    }

    @Test("calls that are open are answered, new ones are not begun, then the connection ends")
    func drain() async throws {
        let events = Events()
        var limits = RPCLimits()
        limits.drainTimeout = .seconds(50)
        try await self.withService(limits: limits, events) { path, shutDown in
            try await RawConnection.open(path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, EchoMethods.unary.path), .call(3, EchoMethods.wait.path)])
                _ = try await connection.settle()
                await shutDown()
                // The first GOAWAY names the highest stream there can be: what is on its way is still served.
                let first = try #require(try await connection.next(.goAway))
                #expect(first.payload == [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
                let ping = try #require(try await connection.next(.ping))
                try await connection.send([
                    .call(5, EchoMethods.unary.path), .data(5, RawFrame.message([]), end: true),
                    RawFrame(kind: .ping, flags: RawFrame.acknowledgement, payload: ping.payload),
                ])
                #expect(try await connection.next(.headers)?.stream == 5)
                try await connection.send([.data(1, RawFrame.message([]), end: true), .reset(3)])
                #expect(try await connection.next(.data)?.stream == 5)
                #expect(try await connection.next(.data)?.stream == 1)
                let last = try #require(try await connection.next(.goAway))
                #expect(last.payload == [0, 0, 0, 5, 0, 0, 0, 0])
                #expect(try await connection.next() == nil)
            }
        }
    }

    @Test(
        "health and reflection streams end at once",
        arguments: [
            (HealthMethods.watch.path, RawFrame.message([])),
            (HealthMethods.watch.path, RawFrame.message([0x0A, 1, 0x78])),
            (ReflectionMethods.serverReflectionInfo.path, RawFrame.message([0x3A, 0])),
        ])
    func endlessStreams(path method: String, request: [UInt8]) async throws {
        var limits = RPCLimits()
        // Longer than the test may take.
        limits.drainTimeout = .seconds(300)
        try await self.withService(limits: limits, Events()) { path, shutDown in
            try await RawConnection.open(path) { connection in
                try await connection.send(RawFrame.preface)
                let isReflection = method == ReflectionMethods.serverReflectionInfo.path
                try await connection.send([.call(1, method), .data(1, request, end: !isReflection)])
                #expect(try await connection.headers()?.first(name: ":status") == "200")
                #expect(try await connection.next(.data)?.stream == 1)
                await shutDown()
                let trailers = try #require(try await connection.headers())
                #expect(trailers.first(name: "grpc-status") == "14")
                #expect(trailers.first(name: "grpc-message") == "the server is shutting down")
            }
        }
    }

    @Test("calls that do not end within the limit are cut off")
    func limit() async throws {
        let events = Events()
        var limits = RPCLimits()
        limits.drainTimeout = .milliseconds(50)
        try await self.withService(limits: limits, events) { path, shutDown in
            try await RawConnection.open(path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, EchoMethods.wait.path), .data(1, RawFrame.message([]), end: true)])
                #expect(await events.next() == "waiting")
                await shutDown()
                #expect(try await connection.next(.data) == nil)
                #expect(await events.next() == "cancelled")
            }
        }
    }

    @Test("a connection without a preface does not hold up the end")
    func withoutPreface() async throws {
        var limits = RPCLimits()
        limits.drainTimeout = .seconds(50)
        try await self.withService(limits: limits, Events()) { path, shutDown in
            try await RawConnection.open(path) { connection in
                // The server's own settings: it has accepted.
                _ = try await connection.next(.settings)
                await shutDown()
                while try await connection.next() != nil {}
            }
        }
    }

    @Test("a connection that has reached its age is asked to go away, and closed when it does not")
    func age() async throws {
        var limits = RPCLimits()
        limits.maxConnectionAge = .seconds(2)
        limits.drainTimeout = .milliseconds(50)
        try await withServer(limits: limits, { $0.serveEcho() }) { running in
            try await RawConnection.open(running.path) { connection in
                try await connection.send(RawFrame.preface)
                try await connection.send([.call(1, EchoMethods.wait.path), .data(1, RawFrame.message([]), end: true)])
                #expect(try await connection.next(.goAway)?.payload == [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])
                #expect(try await connection.next(.data) == nil)
            }
        }
    }
}

extension TemporaryDirectory {
    fileprivate func names(in name: String) throws -> [String] {
        try FileNames.list(self.path(name))
    }
}
