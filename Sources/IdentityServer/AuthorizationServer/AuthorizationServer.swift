import AccessGrants
import AccessTokens
import Audit
import Authority
import FoundationEssentials
import HTTPTypes
import JOSE
import Logging
import Rotation
import SPIFFE

/// The authorization server: what is answered to which request, without the connection that it came on.
struct AuthorizationServer: Sendable {
    /// An endpoint that takes a form.
    enum Endpoint: String, Sendable {
        case token
        case revocation
        case introspection
    }

    /// What a request is about, as far as its head tells.
    enum Target: Sendable {
        case answer(OAuthAnswer)
        /// Its form has to be read.
        case form(Endpoint)
    }

    static let healthPath = "/healthz"
    /// How long others keep the JWK Set: a key is in it hours before it signs.
    static let keysMaxAgeSeconds = 60
    static let metadataMaxAgeSeconds = 600

    private let plane: ControlPlane
    private let issuer: IssuerURL
    private let keys: TokenKeyRotation
    private let health: Watched<Bool>
    private let metadata: AuthorizationServerMetadata
    private let authenticator: ClientAuthenticator
    private let tokenEndpoint: TokenEndpoint
    private let revocationEndpoint: RevocationEndpoint
    private let introspectionEndpoint: IntrospectionEndpoint

    init(tokens: ControlPlane.Tokens, plane: ControlPlane, health: Watched<Bool>) {
        let issuance = tokens.issuance
        let inspection = TokenInspection(issuer: issuance.issuer.text, keys: issuance.keys, feed: tokens.feed)
        self.plane = plane
        self.issuer = issuance.issuer
        self.keys = issuance.keys
        self.health = health
        self.metadata = AuthorizationServerMetadata(issuer: issuance.issuer)
        self.authenticator = ClientAuthenticator(
            issuer: issuance.issuer.text, authority: plane.authority, registry: plane.registry, feed: tokens.feed)
        self.tokenEndpoint = TokenEndpoint(issuance: issuance)
        self.revocationEndpoint = RevocationEndpoint(inspection: inspection, plane: plane)
        self.introspectionEndpoint = IntrospectionEndpoint(inspection: inspection, registry: plane.registry)
    }

    // MARK: Routing

    /// What a request is about.
    func target(of head: HTTPRequest) -> Target {
        let path = String((head.path ?? "").prefix { $0 != "?" })
        if let endpoint = self.endpoint(at: path) {
            guard head.method == .post else { return .answer(OAuthAnswer(.methodNotAllowed, [.allow: "POST"])) }
            return .form(endpoint)
        }
        guard let document = self.document(at: path) else { return .answer(OAuthAnswer(.notFound)) }
        switch head.method {
        case .get: return .answer(document)
        case .head: return .answer(document.withoutBody())
        default: return .answer(OAuthAnswer(.methodNotAllowed, [.allow: "GET, HEAD"]))
        }
    }

    private func endpoint(at path: String) -> Endpoint? {
        switch path {
        case self.issuer.path + AuthorizationServerMetadata.tokenPath: .token
        case self.issuer.path + AuthorizationServerMetadata.revocationPath: .revocation
        case self.issuer.path + AuthorizationServerMetadata.introspectionPath: .introspection
        default: nil
        }
    }

    private func document(at path: String) -> OAuthAnswer? {
        let state = self.keys.state.current
        if path == Self.healthPath {
            let isHealthy = self.health.current
            return OAuthAnswer(
                isHealthy ? .ok : .serviceUnavailable, [.contentType: "text/plain", .cacheControl: "no-store"],
                body: Array((isHealthy ? "ok\n" : "not serving\n").utf8))
        }
        if path == self.issuer.path + AuthorizationServerMetadata.keysPath {
            return .published(
                state.jwkSet, type: "application/jwk-set+json", maxAgeSeconds: Self.keysMaxAgeSeconds)
        }
        guard self.metadata.paths.contains(path) else { return nil }
        return .published(
            self.metadata.document(
                signedBy: state.signer.algorithm,
                certificateBound: self.plane.registry.access.certificateBoundAudiences), type: "application/json",
            maxAgeSeconds: Self.metadataMaxAgeSeconds)
    }

    // MARK: Endpoints

    /// Answers a request with a form, and leaves one line in the log.
    func answer(_ endpoint: Endpoint, _ head: HTTPRequest, body: [UInt8], peer: VerifiedX509SVID?) async -> OAuthAnswer
    {
        let request = OAuthRequest(head, peer: peer)
        var client: OAuthClient?
        let start = ContinuousClock.now
        var event = self.event(endpoint, head, peer)
        event.library = request.library.report
        do {
            let form = try self.form(head, body)
            event.audience = (form["resource"] ?? form["audience"]).map { [$0] } ?? []
            event.scope = form["scope"]
            let now = self.plane.instants.now()
            let authenticated = try self.authenticator.client(of: request, form, now: now)
            client = authenticated
            event.subject = authenticated.id.uri
            event.peer = authenticated.id.uri
            switch endpoint {
            case .token:
                let issued = try self.token(form, authenticated, by: request.library, now: now)
                event.note(issued)
                self.plane.record(event, .issued, since: start)
                return .secret(issued.members)
            case .revocation: return try await self.revocation(form, authenticated, &event)
            case .introspection: return try self.introspection(form, authenticated, now: now, &event, since: start)
            }
        } catch {
            let refusal = error as? OAuthError ?? OAuthError(failure: error)
            event.reason = refusal.reason
            event.remedy = refusal.remedy
            self.plane.record(event, .refused, since: start)
            return self.refuse(endpoint, refusal, request, client)
        }
    }

    /// Answers a request whose body is not read to its end, and ends its connection.
    func refuseBody(_ endpoint: Endpoint, _ head: HTTPRequest, _ failure: BodyFailure, peer: VerifiedX509SVID?)
        -> OAuthAnswer
    {
        var event = self.event(endpoint, head, peer)
        event.reason = failure.error.reason
        self.plane.record(event, .refused, since: ContinuousClock.now)
        return self.refuse(endpoint, failure.error, OAuthRequest(head, peer: peer), nil).ending(failure.status)
    }

    /// The record of a request, before anything is known of it.
    private func event(_ endpoint: Endpoint, _ head: HTTPRequest, _ peer: VerifiedX509SVID?) -> AuditEvent {
        var event = AuditEvent(
            time: self.plane.instants.now(), decision: .refused,
            kind: endpoint == .introspection ? .introspection : .accessToken,
            route: String((head.path ?? "").prefix { $0 != "?" }), peer: peer?.id.uri)
        event.issuer = self.issuer.text
        return event
    }

    private func form(_ head: HTTPRequest, _ body: [UInt8]) throws(OAuthError) -> FormParameters {
        guard head.path?.contains("?") != true else {
            throw OAuthError(.invalidRequest, "query", "parameters are in the body, never in the URI")
        }
        guard FormContentType.isForm(head.headerFields[values: .contentType]) else {
            throw OAuthError(
                .invalidRequest, "content_type", "the content type is not \(FormContentType.mediaType) in UTF-8")
        }
        do {
            return try FormParameters(parsing: body)
        } catch {
            throw OAuthError(error)
        }
    }

    private func token(
        _ form: FormParameters, _ client: OAuthClient, by library: ReportedLibrary, now: Date
    ) throws(OAuthError) -> IssuedAccessToken {
        let issued = try self.tokenEndpoint.issue(self.tokenEndpoint.wish(form), to: client, by: library, now: now)
        self.plane.logger.info(
            "access token issued",
            metadata: [
                LogKey.spiffeID: "\(client.id)", LogKey.authentication: "\(client.method.rawValue)",
                LogKey.audience: "\(issued.content.audience)", LogKey.scope: "\(issued.content.scopes)",
                LogKey.tokenID: "\(issued.content.id)", LogKey.keyID: "\(issued.keyID)",
                LogKey.expiresAt: "\(issued.content.expiresAt.secondsSinceEpoch)",
            ])
        return issued
    }

    private func revocation(
        _ form: FormParameters, _ client: OAuthClient, _ event: inout AuditEvent
    ) async throws -> OAuthAnswer {
        let tokenID = try await self.revocationEndpoint.revoke(form, by: client, &event)
        self.plane.logger.info(
            "revocation answered",
            metadata: [LogKey.spiffeID: "\(client.id)", LogKey.tokenID: "\(tokenID ?? "nothing to revoke")"])
        return .secret([:])
    }

    /// Answers what a token says; of what is refused, a token that is of others included, there is a record.
    private func introspection(
        _ form: FormParameters, _ client: OAuthClient, now: Date, _ event: inout AuditEvent,
        since start: ContinuousClock.Instant
    ) throws(OAuthError) -> OAuthAnswer {
        let outcome = try self.introspectionEndpoint.introspect(form, by: client, now: now)
        var shown = "inactive"
        switch outcome {
        case .active(let token): shown = token.claims.tokenID
        case .inactive: break
        case .ofOthers(let token):
            event.reason = "token_of_others"
            event.note(token)
            self.plane.record(event, .refused, since: start)
        }
        self.plane.logger.info(
            "introspection answered", metadata: [LogKey.spiffeID: "\(client.id)", LogKey.tokenID: "\(shown)"])
        return .secret(outcome.members)
    }

    // MARK: Refusals

    private func refuse(
        _ endpoint: Endpoint, _ error: OAuthError, _ request: OAuthRequest, _ client: OAuthClient?
    ) -> OAuthAnswer {
        self.plane.logger.info(
            "request refused",
            metadata: [
                LogKey.endpoint: "\(endpoint.rawValue)", LogKey.error: "\(error.code.rawValue)",
                LogKey.denial: "\(error.reason)",
                LogKey.spiffeID: "\((client?.id ?? request.peer?.id).map { "\($0)" } ?? "unknown")",
            ])
        return .refusal(error, challenge: self.challenge(endpoint, request))
    }

    /// What a client that is not known is answered beside 401.
    ///
    /// Where it used the `Authorization` field, a challenge of the same scheme (RFC 6749 §5.2); introspection always has
    /// one (RFC 7662 §2.3).
    private func challenge(_ endpoint: Endpoint, _ request: OAuthRequest) -> String? {
        let scheme = request.authorizationScheme ?? (endpoint == .introspection ? "Bearer" : nil)
        return scheme.map { "\($0) realm=\"\(self.issuer)\"" }
    }
}

/// Why the body of a request is not read to its end.
enum BodyFailure: Error, Hashable {
    case tooLong
    case tooSlow
    /// The connection, or this server, has ended before it.
    case aborted

    fileprivate var error: OAuthError {
        switch self {
        case .tooLong: OAuthError(FormError.tooLong)
        case .tooSlow: OAuthError(.invalidRequest, "body_too_slow", "the body did not come in time")
        case .aborted: OAuthError(.invalidRequest, "body_aborted", "the body did not come to its end")
        }
    }

    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .tooLong: .contentTooLarge
        case .tooSlow: .requestTimeout
        case .aborted: .badRequest
        }
    }
}
