import FoundationEssentials
import GRPCCore
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import Synchronization
import X509

/// The connection to the control plane, under the agent's identity of the moment.
///
/// A renewed identity gets a new connection; calls that are under way end on the old one. The server's word that it
/// does not accept the agent any more is kept in ``denial``, unless it concerns an identity that has been replaced
/// meanwhile.
final class ServerConnections: Sendable {
    /// One connection.
    struct Connection: Sendable {
        let number: UInt64
        let identity: AgentIdentity
        let client: ServerClient
    }

    /// What the server said about an identity.
    struct Denied: Sendable {
        let denial: AgentDenial
        let identity: AgentIdentity
    }

    private struct Wanted: Sendable {
        var identity: AgentIdentity?
        var number: UInt64 = 0
    }

    /// The connection in use; nil while the agent has no identity.
    let current = Watched<Connection?>(nil)
    let denial = Watched<Denied?>(nil)
    private let state = Mutex(Wanted())
    private let wanted = Watched(Wanted())
    private let logger: Logger
    private let makeClient: @Sendable (AgentIdentity) throws -> ServerClient

    init(logger: Logger, makeClient: @escaping @Sendable (AgentIdentity) throws -> ServerClient) {
        self.logger = logger
        self.makeClient = makeClient
    }

    /// Uses an identity from now on.
    func use(_ identity: AgentIdentity?) {
        self.change { $0.identity = identity }
    }

    /// Replaces a connection that does not answer, unless that has been done.
    func replace(_ connection: Connection) {
        self.change(if: { $0.number == connection.number }) { _ in }
    }

    /// Keeps connections until cancelled.
    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            var running: UInt64?
            for await wanted in self.wanted.updates() where wanted.number != running {
                running = wanted.number
                let previous = self.current.current
                if let identity = wanted.identity {
                    let client = try self.makeClient(identity)
                    group.addTask { try await self.runConnections(of: client) }
                    self.current.publish(Connection(number: wanted.number, identity: identity, client: client))
                } else {
                    self.current.publish(nil)
                }
                previous?.client.beginGracefulShutdown()
            }
            // The loop ends when the task is cancelled; connections end with it.
            self.current.publish(nil)
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// Runs a client's connections until it is told to end, which may be before it began.
    private func runConnections(of client: ServerClient) async throws {
        if try await !client.runUntilEnded() { self.logger.debug("a connection was replaced before it was used") }
    }

    /// Waits for a connection, other than `previous` if given.
    func connection(after previous: UInt64? = nil) async throws -> Connection {
        for await connection in self.current.updates() {
            if let connection, connection.number != previous { return connection }
        }
        throw CancellationError()
    }

    /// Makes a call with one request and one response.
    ///
    /// - Throws: `RPCError`; UNAVAILABLE also while there is no connection.
    func call<Input, Output>(
        _ method: RPCMethod<Input, Output>, _ request: Input, timeout: Duration
    ) async throws -> Output {
        guard let connection = self.current.current else {
            throw RPCError(code: .unavailable, message: "the agent has no identity at the moment")
        }
        return try await self.judging(connection) {
            try await connection.client.call(method, request, timeout: timeout)
        }
    }

    /// Runs calls on a connection, and looks at what they fail with.
    ///
    /// - Throws: `RPCError`, or `CancellationError`.
    func judging<Result>(
        _ connection: Connection, _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as RPCError {
            if let denial = AgentDenial(error) {
                self.denial.publish(Denied(denial: denial, identity: connection.identity))
            }
            if error.code == .deadlineExceeded { self.replace(connection) }
            throw error
        } catch let error as RuntimeError {
            // The client was told to end between taking and using it.
            throw RPCError(code: .unavailable, message: "the connection was replaced", cause: error)
        }
    }

    private func change(if condition: (Wanted) -> Bool = { _ in true }, _ body: (inout Wanted) -> Void) {
        self.state.withLock { state in
            guard condition(state) else { return }
            body(&state)
            state.number += 1
            // Published in order; waking takes no time.
            self.wanted.publish(state)
        }
    }
}
