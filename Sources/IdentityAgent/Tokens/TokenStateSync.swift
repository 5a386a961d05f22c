import AccessTokens
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import Synchronization

/// What validators on this machine have to know, as the server streams it.
///
/// While the server is away the last state stays, and its age grows. A server that is back is told the position of that
/// state, and sends what was missed.
final class TokenStateSync: Sendable {
    /// A state, and how it came from the one before.
    struct Snapshot: Sendable {
        /// Counts the changes; a heartbeat is none.
        let generation: UInt64
        let epoch: String
        let sequence: UInt64
        let change: TokenStateAssembly.Change
        /// Whether the revocations and keys are those of the generation before, and `change.added`.
        let addsToPrevious: Bool
    }

    /// What is known; nil before anything has arrived.
    let current = Watched<Snapshot?>(nil)
    /// Whether the server has said that it issues no access tokens.
    let isUnimplemented = Watched(false)

    private let connections: ServerConnections
    private let instants: Instants
    private let randomness: RandomSource
    private let logger: Logger
    private let assembly = Mutex(TokenStateAssembly())
    private let failures = FailureLog("the state of access tokens is not followed")

    init(connections: ServerConnections, instants: Instants, randomness: @escaping RandomSource, logger: Logger) {
        self.connections = connections
        self.instants = instants
        self.randomness = randomness
        self.logger = logger
    }

    /// Follows until cancelled.
    ///
    /// A server that issues no access tokens is asked again when the connection is another one.
    func run() async throws {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(10))
        var generator = self.randomness()
        while true {
            let connection = try await self.connections.connection()
            let before = self.current.current?.generation
            do {
                try await self.follow(connection)
            } catch let error as RPCError where error.code == .unimplemented {
                self.isUnimplemented.publish(true)
                _ = try await self.connections.connection(after: connection.number)
            } catch {
                try Task.checkCancellation()
                self.failures.failed(error, self.logger)
                if self.current.current?.generation != before { backoff.reset() }
                try await self.instants.sleep(for: backoff.next(using: &generator))
            }
        }
    }

    /// The request for what is missing since the last state; for everything, where there is none to add to.
    private func request() -> Signet_Agent_V1_WatchTokenStateRequest {
        let last = self.current.current
        return self.assembly.withLock { assembly in
            guard let last, assembly.resume() else {
                assembly.restart()
                return .init()
            }
            return .with {
                $0.epoch = last.epoch
                $0.sequence = last.sequence
            }
        }
    }

    private func follow(_ connection: ServerConnections.Connection) async throws {
        let request = self.request()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.connections.judging(connection) {
                    try await connection.client.stream(AccessTokenMethods.watchTokenState, request) { messages in
                        for try await message in messages { try self.take(message) }
                    }
                }
                throw RPCError(code: .unavailable, message: "the server ended the stream of the state of tokens")
            }
            group.addTask { _ = try await self.connections.connection(after: connection.number) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func take(_ message: Signet_Agent_V1_TokenState) throws {
        let now = self.instants.now()
        let received = try self.assembly.withLock { assembly throws(TokenStateError) in
            do throws(TokenStateError) {
                return try assembly.receive(try TokenStateMessage(message), now: now)
            } catch {
                // What was told is not known: the next stream begins with everything.
                assembly.restart()
                throw error
            }
        }
        guard let change = received else { return }
        let previous = self.current.current
        let isHeartbeat = !change.isFull && change.added.isEmpty && change.keySet == previous?.change.keySet
        let generation = previous?.generation ?? 0
        self.current.publish(
            Snapshot(
                generation: isHeartbeat ? generation : generation + 1, epoch: message.epoch,
                sequence: message.sequence, change: change, addsToPrevious: !change.isFull))
        self.isUnimplemented.publish(false)
        self.failures.succeeded(self.logger)
    }
}

extension TokenStateMessage {
    /// Reads a message of the server.
    ///
    /// - Throws: ``TokenStateError``; a revocation that is not understood is never left out.
    fileprivate init(_ message: Signet_Agent_V1_TokenState) throws(TokenStateError) {
        var revocations: [Revocation] = []
        for revocation in message.revocations { revocations.append(try Revocation(revocation)) }
        self.init(
            issuer: message.issuer, keySet: Array(message.jwkSet), isFull: message.full, hasMore: message.more,
            ageMilliseconds: message.ageMilliseconds, revocations: revocations)
    }
}

extension Revocation {
    fileprivate init(_ message: Signet_Agent_V1_Revocation) throws(TokenStateError) {
        let target: Revocation.Target
        switch message.target {
        case .jti(let tokenID): target = .token(try Revocation.checked(tokenID))
        case .certificateSerial(let serial): target = .certificate(try Revocation.checked(serial))
        case .kid(let keyID): target = .key(try Revocation.checked(keyID))
        case .spiffeID(let uri):
            do { target = .subject(try SPIFFEID(parsing: uri)) } catch { throw .malformed("spiffe_id") }
        case nil: throw .malformed("target")
        }
        self.init(
            target, revokedAt: try Revocation.checked(message.revokedAt, "revoked_at"),
            expiresAt: try Revocation.checked(message.expiresAt, "expires_at"))
    }
}
