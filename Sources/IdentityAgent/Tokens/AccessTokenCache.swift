import AccessTokens
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import Synchronization

/// What an access token of a workload was asked for.
///
/// Another revision of the entry is another token.
struct AccessTokenKey: Hashable, Sendable {
    let entryID: String
    let revision: Int64
    let createdAt: Date
    let spiffeID: SPIFFEID
    let audience: String
    let scopes: ScopeSet
    /// The library that asks; the server has a say in which may.
    let library: ReportedLibrary

    init(entry: RegistrationEntry, audience: String, scopes: ScopeSet, library: ReportedLibrary) {
        self.entryID = entry.id
        self.revision = entry.revision
        self.createdAt = entry.createdAt
        self.spiffeID = entry.spiffeID
        self.audience = audience
        self.scopes = scopes
        self.library = library
    }
}

/// Access tokens of workloads: kept until 0.8 of their life, asked for once however many want the same.
///
/// While the server does not answer, a token serves until it expires, and the server is asked at growing intervals only.
final class AccessTokenCache: Sendable {
    /// How many tokens are kept.
    static let limit = 10_000
    private static let maxWaitingRequests = 4_096
    /// How many requests the server is asked at once.
    private static let maxRunningRequests = 64
    /// How long the server may take.
    private static let timeout: Duration = .seconds(10)

    /// What the server is asked for.
    private struct Order: Hashable, Sendable {
        let key: AccessTokenKey
        /// SHA-256 of the X.509-SVID that the workload is served; empty when it has none.
        let certificateSHA256: [UInt8]
    }

    /// A token, and the certificate for which it was asked.
    private struct Held: Sendable {
        var life = TokenLife()
        var certificateSHA256: [UInt8] = []
    }

    private let held = Mutex<[AccessTokenKey: Held]>([:])
    private let requests: SharedWork<Order, IssuedAccessToken>
    private let instants: Instants
    private let randomness: RandomSource

    init(connections: ServerConnections, instants: Instants, randomness: @escaping RandomSource) {
        self.instants = instants
        self.randomness = randomness
        self.requests = SharedWork(
            limit: Self.maxWaitingRequests, runningLimit: Self.maxRunningRequests
        ) { order in
            try await Self.fetch(order, connections)
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
    /// - Parameter certificateSHA256: Of the X.509-SVID that the workload is served; empty when it has none.
    /// - Throws: `RPCError`; `CancellationError`.
    func token(for key: AccessTokenKey, certificateSHA256: [UInt8]) async throws -> IssuedAccessToken {
        let now = self.instants.now()
        let step = self.held.withLock { held in
            if held[key]?.certificateSHA256 != certificateSHA256 { held[key]?.life.withdrawIfCertificateBound() }
            return held[key]?.life.step(now: now) ?? .fetch(otherwise: nil)
        }
        switch step {
        case .use(let token): return token
        case .fail(let error): throw error
        case .fetch(let otherwise):
            do {
                return try await self.requested(Order(key: key, certificateSHA256: certificateSHA256))
            } catch {
                try Task.checkCancellation()
                guard !Self.isRefusal(error), let otherwise, self.instants.now() < otherwise.expiresAt else {
                    throw error
                }
                return otherwise
            }
        }
    }

    private func requested(_ order: Order) async throws -> IssuedAccessToken {
        var generator = self.randomness()
        do {
            let token = try await self.requests.value(for: order)
            let now = self.instants.now()
            self.update(order, now: now) { $0.fetched(token, now: now, using: &generator) }
            return token
        } catch let error as RPCError {
            let now = self.instants.now()
            if Self.isRefusal(error) {
                // The server has answered: it is asked again by the next who wants to know.
                self.held.withLock { $0[order.key] = nil }
            } else {
                self.update(order, now: now) { $0.failed(error, now: now, using: &generator) }
            }
            throw error
        }
    }

    private func update(_ order: Order, now: Date, _ change: (inout TokenLife) -> Void) {
        self.held.withLock { held in
            if held[order.key] == nil, held.count >= Self.limit {
                held = held.filter { !$0.value.life.isEmpty(now: now) }
                // What is given up can be had again.
                if held.count >= Self.limit, let any = held.keys.first { held[any] = nil }
            }
            held[order.key, default: Held()].certificateSHA256 = order.certificateSHA256
            change(&held[order.key, default: Held()].life)
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
        _ order: Order, _ connections: ServerConnections
    ) async throws -> IssuedAccessToken {
        let key = order.key
        let reply = try await connections.call(
            AccessTokenMethods.issueAccessToken,
            .with {
                $0.entryID = key.entryID
                $0.audience = key.audience
                $0.scopes = key.scopes.names
                $0.certificateSha256 = Data(order.certificateSHA256)
                $0.library = key.library.report ?? ""
            }, timeout: Self.timeout)
        let scopes = try? ScopeSet(parsing: reply.scopes)
        guard let scopes, (1...IssuedAccessToken.maxTokenBytes).contains(reply.accessToken.utf8.count),
            !reply.audience.isEmpty, reply.issuedAt < reply.expiresAt, scopes.isSuperset(of: key.scopes)
        else {
            throw RPCError(code: .internalError, message: "the server issued an access token that cannot be used")
        }
        return IssuedAccessToken(
            token: reply.accessToken, audience: reply.audience, scopes: scopes, spiffeID: key.spiffeID,
            issuedAt: Date(timeIntervalSince1970: Double(reply.issuedAt)),
            expiresAt: Date(timeIntervalSince1970: Double(reply.expiresAt)),
            isCertificateBound: reply.certificateBound)
    }
}
