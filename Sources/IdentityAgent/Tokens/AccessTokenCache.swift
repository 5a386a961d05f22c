import AccessTokens
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import Rotation
import SwiftProtobuf

/// Access tokens of workloads: kept until 0.8 of their life, asked for once however many want the same.
///
/// While a token is replaced, it is given out: nobody waits for the server but those who have none, and, for at most
/// `TokenLife.patience`, those whose token expires within a minute. While the server does not answer, a token serves
/// until it expires, and the server is asked at growing intervals only. A token that the agent knows to be revoked is
/// not given out any more, and asked for anew once.
final class AccessTokenCache: Sendable {
    private static let maxWaitingRequests = 4_096
    /// How many requests the server is asked at once.
    private static let maxRunningRequests = 64
    /// How long the server may take.
    private static let timeout: Duration = .seconds(10)

    private let held: HeldAccessTokens
    private let requests: SharedWork<AccessTokenOrder, IssuedAccessToken>
    private let state: @Sendable () -> TokenState?
    private let instants: Instants
    private let randomness: RandomSource

    /// - Parameter state: What is known about keys and revocations; nil before anything is.
    init(
        connections: ServerConnections, state: @escaping @Sendable () -> TokenState?, instants: Instants,
        randomness: @escaping RandomSource
    ) {
        let held = HeldAccessTokens()
        self.held = held
        self.state = state
        self.instants = instants
        self.randomness = randomness
        // What comes of it is noted here, once, and not by each of those who wait.
        self.requests = SharedWork(
            limit: Self.maxWaitingRequests, runningLimit: Self.maxRunningRequests
        ) { order in
            if let settled = held.settled(order, now: instants.now()) { return try settled.get() }
            var generator = randomness()
            do {
                let token = try await Self.fetch(order, connections)
                let now = instants.now()
                guard now < token.expiresAt else {
                    throw RPCError(
                        code: .unavailable,
                        message: "the server issued an access token that has expired: compare the clocks")
                }
                let names = IssuedTokenNames(token)
                guard state()?.isRevoked(names, fetchedAt: now, now: now) != true else {
                    throw RPCError(code: .unavailable, message: "the server issued an access token that is revoked")
                }
                held.fetched(token, names, for: order, now: now, using: &generator)
                return token
            } catch {
                try Task.checkCancellation()
                // The server has answered no: it is asked again by the next who wants to know.
                if Self.isRefusal(error) {
                    held.refused(order)
                } else {
                    held.failed(error, for: order, now: instants.now(), using: &generator)
                }
                throw error
            }
        }
    }

    /// Serves until cancelled.
    ///
    /// For one task.
    func run() async throws {
        try await self.requests.run()
    }

    /// A token of an entry.
    ///
    /// One that is bound to another certificate than the one that is served now is given up.
    ///
    /// - Throws: `RPCError`; `CancellationError`.
    func token(for order: AccessTokenOrder) async throws -> IssuedAccessToken {
        var generator = self.randomness()
        let (step, delay) = self.held.step(
            order, state: self.state(), now: self.instants.now(), using: &generator)
        switch step {
        case .use(let token): return token
        case .fail(let error): throw error
        case .fetch:
            if delay > .zero { try await self.instants.sleep(for: delay) }
            return try await self.requests.value(for: order)
        case .refresh(let refresh):
            if refresh.begins { self.begin(order) }
            return refresh.waits ? try await self.replacement(of: refresh.token, order) : refresh.token
        }
    }

    private func begin(_ order: AccessTokenOrder) {
        do {
            try self.requests.begin(order)
        } catch {
            var generator = self.randomness()
            self.held.failed(error, for: order, now: self.instants.now(), using: &generator)
        }
    }

    /// The token that replaces another one, or that one when it does not come soon.
    private func replacement(
        of token: IssuedAccessToken, _ order: AccessTokenOrder
    ) async throws -> IssuedAccessToken {
        do {
            return try await self.instants.withTimeLimit(TokenLife.patience) {
                try await self.requests.value(for: order)
            }
        } catch {
            try Task.checkCancellation()
            guard !Self.isRefusal(error), self.instants.now() < token.expiresAt else { throw error }
            return token
        }
    }

    /// Whether the server has answered, and the answer is no.
    static func isRefusal(_ error: any Error) -> Bool {
        guard let error = error as? RPCError else { return false }
        switch error.code {
        case .permissionDenied: return AgentDenial(error) != .expired
        case .notFound, .invalidArgument, .unimplemented, .failedPrecondition: return true
        default: return false
        }
    }

    private static func fetch(
        _ order: AccessTokenOrder, _ connections: ServerConnections
    ) async throws -> IssuedAccessToken {
        let key = order.key
        let reply = try await connections.call(
            AccessTokenMethods.issueAccessToken,
            .with {
                $0.entryID = key.entryID
                $0.audience = key.audience
                $0.scopes = key.scopes.names
                $0.certificateSha256 = Data(order.certificateSHA256)
                $0.library = order.library.report ?? ""
            }, timeout: Self.timeout)
        let scopes = try? ScopeSet(parsing: reply.scopes)
        guard let scopes, (1...IssuedAccessToken.maxTokenBytes).contains(reply.accessToken.utf8.count),
            !reply.audience.isEmpty, let issuedAt = Date(wireSeconds: reply.issuedAt),
            let expiresAt = Date(wireSeconds: reply.expiresAt), issuedAt < expiresAt,
            scopes.isSuperset(of: key.scopes)
        else { throw Self.unusable }
        let token = IssuedAccessToken(
            token: reply.accessToken, audience: reply.audience, scopes: scopes, spiffeID: key.spiffeID,
            issuedAt: issuedAt, expiresAt: expiresAt, isCertificateBound: reply.certificateBound,
            presented: order.certificateSHA256)
        // One that is bound to another certificate would be given up at once, and asked for again.
        guard !token.isCertificateBound || token.certificateSHA256 == order.certificateSHA256 else {
            throw Self.unusable
        }
        return token
    }

    private static let unusable = RPCError(
        code: .internalError, message: "the server issued an access token that cannot be used")
}
