import AccessTokens
import FoundationEssentials
import GRPCCore
import PeerTransport
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import WorkloadAPIProtos
import WorkloadAttestation

/// Access tokens and the state of tokens for workloads, on the socket of the Workload API.
struct AccessTokenEndpoint: Sendable {
    /// The longest audience, in bytes.
    static let maxAudienceBytes = 2_048
    /// How many revocations a message has at most.
    static let pageSize = 1_000

    let cache: WorkloadCache
    let tokens: AccessTokenCache
    let state: TokenStateSync
    let identification: WorkloadIdentification
    let exits: ProcessExits
    let instants: Instants

    /// Adds the two methods, and the check of the header before both.
    func register(in routes: inout RPCRoutes) {
        routes.intercept(WorkloadAccessTokenMethods.service) { (context: RPCContext) throws -> Void in
            guard context.header(WorkloadEndpoint.securityHeader) == ["true"] else {
                throw RPCError(code: .invalidArgument, message: "security header missing from request")
            }
        }
        routes.unary(WorkloadAccessTokenMethods.fetchAccessToken, self.fetchAccessToken)
        routes.serverStream(WorkloadAccessTokenMethods.watchTokenState, self.watchTokenState)
    }

    // MARK: - FetchAccessToken

    private func fetchAccessToken(
        _ request: Signet_Workload_V1_FetchAccessTokenRequest, _ context: RPCContext
    ) async throws -> Signet_Workload_V1_FetchAccessTokenResponse {
        let (wantedID, scopes) = try Self.checked(request)
        let caller = try await self.identification.caller(of: context)
        let snapshot = self.cache.current
        let entries = try self.identification.entries(of: caller, in: snapshot, context)
        guard let entry = entries.first(where: { wantedID == nil || $0.spiffeID == wantedID }) else {
            throw RPCError(
                code: .permissionDenied, message: "no access token issued: the requested SPIFFE ID is not the caller's")
        }
        let certificate = snapshot.svids[entry.id]
            .flatMap { $0.isServable(for: entry, now: self.instants.now()) ? $0.certificateSHA256 : nil }
        let order = AccessTokenOrder(
            entry: entry, audience: request.audience, scopes: scopes, library: ReportedLibrary(request.library),
            certificateSHA256: certificate ?? [])
        let token: IssuedAccessToken
        do {
            token = try await self.tokens.token(for: order)
        } catch {
            try Task.checkCancellation()
            throw Self.answer(error)
        }
        return .with {
            $0.accessToken = token.token
            $0.issuedAt = Int64(token.issuedAt.timeIntervalSince1970)
            $0.expiresAt = Int64(token.expiresAt.timeIntervalSince1970)
            $0.scopes = token.scopes.names
            $0.audience = token.audience
            $0.spiffeID = token.spiffeID.uri
            $0.certificateBound = token.isCertificateBound
        }
    }

    /// What a workload is told of a failure: the server's own answer when it has answered, UNAVAILABLE otherwise.
    private static func answer(_ error: any Error) -> RPCError {
        guard let error = error as? RPCError else {
            return RPCError(code: .unavailable, message: "could not fetch an access token: \(error)")
        }
        if error.code == .unimplemented {
            return RPCError(code: .unimplemented, message: "the server issues no access tokens")
        }
        guard AccessTokenCache.isRefusal(error) else {
            return RPCError(code: .unavailable, message: "could not fetch an access token: \(error.message)")
        }
        return RPCError(code: error.code, message: error.message)
    }

    private static func checked(
        _ request: Signet_Workload_V1_FetchAccessTokenRequest
    ) throws -> (SPIFFEID?, ScopeSet) {
        guard (1...Self.maxAudienceBytes).contains(request.audience.utf8.count) else {
            throw RPCError(
                code: .invalidArgument, message: "audience must have 1 to \(Self.maxAudienceBytes) bytes")
        }
        let scopes: ScopeSet
        do { scopes = try ScopeSet(parsing: request.scopes) } catch {
            throw RPCError(code: .invalidArgument, message: "invalid scopes: \(error)")
        }
        guard !request.spiffeID.isEmpty else { return (nil, scopes) }
        do {
            return (try SPIFFEID(parsing: request.spiffeID), scopes)
        } catch {
            throw RPCError(code: .invalidArgument, message: "invalid requested SPIFFE ID: \(error)")
        }
    }

    // MARK: - WatchTokenState

    private func watchTokenState(
        _ request: Signet_Workload_V1_WatchTokenStateRequest, _ context: RPCContext,
        _ responses: RPCWriter<Signet_Workload_V1_TokenState>
    ) async throws {
        let caller = try await self.identification.caller(of: context)
        _ = try self.identification.entries(of: caller, in: self.cache.current, context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.send(responses) }
            group.addTask {
                for await isUnimplemented in self.state.isUnimplemented.updates() where isUnimplemented {
                    throw RPCError(code: .unimplemented, message: "the server issues no access tokens")
                }
                throw CancellationError()
            }
            group.addTask {
                try await self.exits.waitForExit(of: caller.process)
                throw RPCError(code: .unavailable, message: "the process that opened the stream has exited")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Sends the state, and whatever the server sends from then on: every change, and its signs of life between them.
    ///
    /// While the server is away nothing is sent: the reader's state ages by the reader's own clock.
    private func send(_ responses: RPCWriter<Signet_Workload_V1_TokenState>) async throws {
        var sent: TokenStateSync.Snapshot?
        try await self.state.current.forEachUntilGracefulShutdown { snapshot in
            guard let snapshot else { return }
            for message in self.messages(for: snapshot, after: sent) { try await responses.write(message) }
            sent = snapshot
        }
        try Task.checkCancellation()
        throw RPCError(code: .unavailable, message: "the agent is shutting down")
    }

    private func messages(
        for snapshot: TokenStateSync.Snapshot, after sent: TokenStateSync.Snapshot?
    ) -> [Signet_Workload_V1_TokenState] {
        let now = self.instants.now()
        let state = snapshot.change.state
        let revocations: [Revocation]
        var isFull = false
        switch sent?.generation {
        case snapshot.generation: revocations = []
        case snapshot.generation - 1 where snapshot.addsToPrevious: revocations = snapshot.change.added
        default:
            revocations = state.revocations.all(now: now)
            isFull = true
        }
        let pages =
            revocations.isEmpty
            ? [ArraySlice([])]
            : stride(from: 0, to: revocations.count, by: Self.pageSize).map {
                revocations[$0..<min($0 + Self.pageSize, revocations.count)]
            }
        // A clock that was set back tells no age: then the state counts as very old.
        let age = state.age(now: now) ?? .seconds(1_000_000_000)
        return pages.enumerated().map { index, page in
            .with {
                $0.issuer = state.issuer
                if index == 0, isFull || sent?.change.keySet != snapshot.change.keySet {
                    $0.jwkSet = Data(snapshot.change.keySet)
                }
                $0.epoch = snapshot.epoch
                $0.sequence = snapshot.sequence
                $0.full = isFull
                $0.more = index < pages.count - 1
                $0.ageMilliseconds = UInt64(max(0, age / .milliseconds(1)))
                $0.revocations = page.map(Self.proto)
            }
        }
    }

    private static func proto(_ revocation: Revocation) -> Signet_Workload_V1_Revocation {
        .with {
            switch revocation.target {
            case .token(let tokenID): $0.jti = tokenID
            case .subject(let id): $0.spiffeID = id.uri
            case .certificate(let serial): $0.certificateSerial = serial
            case .key(let keyID): $0.kid = keyID
            }
            $0.revokedAt = Int64(revocation.revokedAt.timeIntervalSince1970)
            $0.expiresAt = Int64(revocation.expiresAt.timeIntervalSince1970)
        }
    }
}
