import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import Synchronization

/// JWT-SVIDs of workloads: kept until half of their life, asked for once however many want the same.
///
/// When the server does not answer, a token that has not expired is still good.
final class JWTSVIDCache: Sendable {
    /// How many tokens are kept.
    static let limit = 1_000
    private static let maxWaitingRequests = 4_096
    /// How many requests the server is asked at once.
    private static let maxRunningRequests = 64
    /// How long the server may take.
    private static let timeout: Duration = .seconds(30)
    /// How long it may take where there is a token that is good still.
    private static let refreshTimeout: Duration = .seconds(5)

    private struct Order: Hashable, Sendable {
        let key: JWTSVIDKey
        /// The token that is held and is to be replaced.
        var replaced: String?
        /// Tells orders apart that are not to be shared.
        var number: UInt64?
    }

    private final class Held: Sendable {
        let store = Mutex(JWTSVIDStore(limit: JWTSVIDCache.limit))
    }

    private let held: Held
    private let requests: SharedWork<Order, IssuedJWTSVID>
    private let unsharedOrders = Mutex<UInt64>(0)
    private let connections: ServerConnections
    private let instants: Instants

    init(connections: ServerConnections, instants: Instants) {
        self.connections = connections
        self.instants = instants
        let held = Held()
        self.held = held
        // What comes of it is kept here, once, so that whoever comes after it finds it.
        self.requests = SharedWork(
            limit: Self.maxWaitingRequests, runningLimit: Self.maxRunningRequests
        ) { order in
            let timeout = order.replaced == nil ? Self.timeout : Self.refreshTimeout
            if order.number != nil { return try await Self.fetch(order.key, timeout: timeout, connections, instants) }
            let now = instants.now()
            if let settled = held.store.withLock({ $0.use(order.key, now: now) }), settled.isFresh(now: now),
                settled.token != order.replaced
            {
                return settled
            }
            let svid = try await Self.fetch(order.key, timeout: timeout, connections, instants)
            held.store.withLock { $0.insert(svid, for: order.key) }
            return svid
        }
    }

    /// Serves until cancelled.
    ///
    /// For one task.
    func run() async throws {
        try await self.requests.run()
    }

    /// A token of an entry for an audience.
    ///
    /// - Parameters:
    ///   - authorities: The JWT authorities in force; a token of another one is replaced.
    /// - Throws: `RPCError`; `CancellationError`.
    func svid(
        for entry: RegistrationEntry, audience: [String], authorities: TrustBundle
    ) async throws -> IssuedJWTSVID {
        let key = JWTSVIDKey(entry: entry, audience: audience)
        // An entry with jti wants every token to be another one.
        if entry.jwtSVIDIncludeJTI {
            let number = self.unsharedOrders.withLock { number in
                number += 1
                return number
            }
            return try await self.requests.value(for: Order(key: key, number: number))
        }
        let now = self.instants.now()
        let held = self.held.store.withLock { $0.use(key, now: now) }
        if let held, held.isFresh(now: now), Self.isTrusted(held, authorities) { return held }
        do {
            return try await self.requests.value(for: Order(key: key, replaced: held?.token))
        } catch let error as RPCError where Self.isRefusal(error) {
            self.held.store.withLock { $0.remove(key) }
            throw error
        } catch {
            try Task.checkCancellation()
            if let held, self.instants.now() < held.expiresAt { return held }
            throw error
        }
    }

    /// Whether the server says that the entry gets no token; that it finds the agent expired is for the agent to judge.
    private static func isRefusal(_ error: RPCError) -> Bool {
        switch error.code {
        case .notFound: true
        case .permissionDenied: AgentDenial(error) != .expired
        default: false
        }
    }

    private static func isTrusted(_ svid: IssuedJWTSVID, _ authorities: TrustBundle) -> Bool {
        guard let keyID = svid.keyID else { return true }
        return authorities.jwtAuthority(keyID: keyID) != nil
    }

    private static func fetch(
        _ key: JWTSVIDKey, timeout: Duration, _ connections: ServerConnections, _ instants: Instants
    ) async throws -> IssuedJWTSVID {
        let reply = try await connections.call(
            SVIDMethods.newJWTSVID,
            .with {
                $0.entryID = key.entryID
                $0.audience = key.audience
            }, timeout: timeout)
        let now = instants.now()
        let svid: SPIFFE.JWTSVID
        do {
            svid = try SPIFFE.JWTSVID(receivedFromWorkloadAPI: reply.svid.token)
        } catch {
            throw RPCError(code: .internalError, message: "the server issued a JWT-SVID that cannot be used: \(error)")
        }
        guard svid.id == key.spiffeID, Set(svid.audience) == Set(key.audience), now < svid.expiresAt else {
            throw RPCError(
                code: .internalError, message: "the server issued a JWT-SVID of another identity, audience or time")
        }
        return IssuedJWTSVID(
            token: svid.token, keyID: try? UnverifiedJWT(parsing: svid.token).keyID, expiresAt: svid.expiresAt,
            since: min(svid.issuedAt ?? now, now),
            renewAt: RotationSchedule.renewal(
                issuedAt: now, notBefore: svid.issuedAt ?? now, notAfter: svid.expiresAt, jitter: 0))
    }
}
