import AccessGrants
import AccessTokens
import Audit
import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// `signet.agent.v1.AccessTokens`: tokens for the workloads of agents, and what validators have to know.
struct AccessTokenService: Sendable {
    /// The longest time between two messages of a stream, by a clock that nobody sets.
    static let heartbeat: Duration = .seconds(5)

    let plane: ControlPlane

    private typealias Writer = RPCWriter<Signet_Agent_V1_TokenState>

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(AccessTokenMethods.issueAccessToken) { request, call in
            try await self.plane.recording(.accessToken, call) { try self.issueAccessToken(request, call, &$0) }
        }
        routes.serverStream(AccessTokenMethods.watchTokenState) { request, call, writer in
            try await self.watchTokenState(request, call, writer)
        }
    }

    // MARK: Issuing

    /// Issues a token to the workload of an entry that the calling agent is authorised for.
    func issueAccessToken(
        _ request: Signet_Agent_V1_IssueAccessTokenRequest, _ call: Call, _ event: inout AuditEvent
    ) throws -> Signet_Agent_V1_IssueAccessTokenResponse {
        let library = ReportedLibrary(request.library)
        event.library = library.report
        let agent = try call.agent
        let tokens = try self.tokens
        let entry = self.plane.registry.authorizedEntries(
            [request.entryID], for: agent.id, now: self.plane.instants.now())[request.entryID]
        guard let entry else {
            event.reason = SVIDRefusal.entryNotFound.label
            throw RPCError(code: .notFound, message: SVIDRefusal.entryNotFound.message)
        }
        event.issuer = tokens.issuance.issuer.text
        event.subject = entry.spiffeID.uri
        guard request.audience.utf8.count <= AudienceURI.maxBytes else {
            throw RPCError.invalid("the audience is longer than \(AudienceURI.maxBytes) bytes")
        }
        event.audience = [request.audience]
        guard [0, 32].contains(request.certificateSha256.count) else {
            throw RPCError.invalid("certificate_sha256 has 32 bytes")
        }
        let issued: IssuedAccessToken
        let scopes = try ScopeSet(requested: request.scopes)
        event.scope = scopes?.text
        do throws(TokenRefusal) {
            issued = try tokens.issuance.issue(
                to: entry.spiffeID, audience: request.audience, scopes: scopes,
                certificateSHA256: request.certificateSha256.isEmpty ? nil : Array(request.certificateSha256),
                library: library, now: self.plane.instants.now())
        } catch {
            event.reason = error.label
            event.remedy = error.remedy
            self.plane.logger.debug(
                "access token refused",
                metadata: [
                    LogKey.spiffeID: "\(entry.spiffeID)", LogKey.agentID: "\(agent.id)",
                    LogKey.denial: "\(error.label)",
                ])
            throw RPCError(refused: error)
        }
        event.note(issued)
        return .with {
            $0.accessToken = issued.token
            $0.issuedAt = issued.content.issuedAt.secondsSinceEpoch
            $0.expiresAt = issued.content.expiresAt.secondsSinceEpoch
            $0.scopes = issued.content.scopes.names
            $0.audience = issued.content.audience.text
            $0.certificateBound = issued.content.certificateSHA256 != nil
        }
    }

    // MARK: Following

    /// Sends the keys and what the agent has missed since the position it names, and then every change at once.
    ///
    /// Ends as `WatchAuthorizedEntries` does.
    private func watchTokenState(
        _ request: Signet_Agent_V1_WatchTokenStateRequest, _ call: Call, _ writer: Writer
    ) async throws {
        let agent = try call.agent
        let tokens = try self.tokens
        let watch: AgentWatch
        switch self.plane.registry.openWatch(
            agentID: agent.id, serialNumber: agent.serialNumber, seen: nil, now: self.plane.instants.now())
        {
        case .success(let opened): watch = opened
        case .failure(let refusal): throw RPCError(ending: refusal.ending, call)
        }
        defer { self.plane.registry.closeWatch(watch.id) }
        let follower = tokens.feed.follow(watch.wakeUp)
        defer { tokens.feed.unfollow(follower) }
        var seen = request.epoch.isEmpty ? nil : ChangePosition(epoch: request.epoch, number: request.sequence)
        var sentKeys: [UInt8]?
        while true {
            guard self.plane.instants.now() < agent.expiresAt else {
                throw RPCError(denied: call.context.path, .agentExpired)
            }
            if let ending = self.plane.registry.ending(of: watch.id) { throw RPCError(ending: ending, call) }
            let update = tokens.feed.update(since: seen, now: self.plane.instants.now())
            let keys = tokens.issuance.keys.state.current.jwkSet
            try await self.send(
                update, issuer: tokens.issuance.issuer, keys: keys == sentKeys ? [] : keys, to: writer)
            seen = update.position
            sentKeys = keys
            try await watch.wakeUp.wait(until: nil, atMost: Self.heartbeat, instants: self.plane.instants)
        }
    }

    /// Sends an update in pages; only the last of them says that nothing is missing.
    private func send(
        _ update: TokenFeed.Update, issuer: IssuerURL, keys: [UInt8], to writer: Writer
    ) async throws {
        var keys = Data(keys)
        for page in update.revocations.pages(of: ControlPlaneLimits.revocationPageSize) {
            try await writer.write(
                .with {
                    $0.issuer = issuer.text
                    $0.jwkSet = keys
                    $0.epoch = update.position.epoch
                    $0.sequence = update.position.number
                    $0.full = update.isFull
                    $0.more = page.hasMore
                    $0.revocations = page.items.map(\.agentProto)
                })
            keys = Data()
        }
    }

    /// - Throws: UNIMPLEMENTED where this server issues no access tokens: agents then do not ask again on a connection.
    private var tokens: ControlPlane.Tokens {
        get throws {
            guard let tokens = self.plane.tokens else {
                throw RPCError(code: .unimplemented, message: RPCError.noAuthorizationServer.message)
            }
            return tokens
        }
    }
}

extension RPCError {
    /// How a stream of changes ends.
    init(ending: AgentWatch.Ending, _ call: Call) {
        switch ending {
        case .denied(let denial): self.init(denied: call.context.path, denial)
        case .shuttingDown: self.init(code: .unavailable, message: "the server is shutting down")
        case .tooMany:
            self.init(
                code: .resourceExhausted,
                message: "an agent may have at most \(ControlPlaneLimits.maxWatchesPerAgent) streams of changes open")
        }
    }

    /// The answer to an agent whose workload gets no token.
    init(refused refusal: TokenRefusal) {
        let code: RPCError.Code =
            switch refusal {
            case .grant(.unknownAudience): .notFound
            case .grant(.noScope), .grant(.tooManyScopes): .invalidArgument
            case .grant, .revoked, .libraryTooOld: .permissionDenied
            case .certificateMissing: .failedPrecondition
            case .beingRevoked: .unavailable
            case .notSigned: .internalError
            }
        self.init(code: code, message: "\(refusal)")
    }
}
