public import AccessTokens
import FoundationEssentials
package import Metrics
package import Rotation
public import SPIFFE
import Synchronization

/// The access tokens of this process, one for each service that it calls.
///
/// A token is fetched when it is first asked for, and again after 0.8 of its life, moved by chance, in the background:
/// only who has no token waits for the issuer. Whoever asks for the same one at the same time shares a call. While the
/// issuer is away, the last token serves until it expires, and the issuer is asked at growing intervals only.
///
/// A token that is bound to a certificate is given up when the `identity` has another: the next call has one for that.
///
/// Metric: `signet_token_source_fetches_total` by `result` (`fetched`, `denied`, `failed`).
///
/// ```swift
/// let tokens = TokenSource(
///     issuer: AgentTokenIssuer(client: WorkloadAPIClient(address: address)), identity: x509Source)
/// let token = try await tokens.token(for: TokenRequest(audience: payments.uri, scopes: create))
/// request.headers.replaceOrAdd(name: "Authorization", value: token.authorization)
/// ```
public final class TokenSource: Sendable {
    /// The most tokens that are kept.
    public static let maxTokens = 1_000

    /// How often it is looked whether issuer and identity have the same certificate, before a call fails.
    package static let maxLooks = 50
    /// The time between two looks.
    package static let lookAgainAfter: Duration = .milliseconds(100)

    private let issuer: any AccessTokenIssuer
    private let identity: (any X509SVIDSource)?
    private let instants: Instants
    private let metrics: any MetricsFactory
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator
    private let lives = Mutex<[TokenRequest: TokenLife]>([:])
    private let flights = SingleFlight<TokenRequest, IssuedAccessToken>()

    /// - Parameters:
    ///   - issuer: Who is asked for tokens.
    ///   - identity: By which services are called; needed where one of them demands tokens that are bound to the
    ///     certificate. Default: none, and ``certificateReplaced()`` is to be called.
    public convenience init(issuer: any AccessTokenIssuer, identity: (any X509SVIDSource)? = nil) {
        self.init(issuer: issuer, identity: identity, instants: .system) { SystemRandomNumberGenerator() }
    }

    package init(
        issuer: any AccessTokenIssuer, identity: (any X509SVIDSource)? = nil, instants: Instants,
        metrics: any MetricsFactory = MetricsSystem.factory,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator
    ) {
        self.issuer = issuer
        self.identity = identity
        self.instants = instants
        self.metrics = metrics
        self.makeGenerator = makeGenerator
    }

    /// A token to call a service with.
    ///
    /// A token that a service has refused, or that expires within a minute, is replaced before it is used, unless that
    /// takes longer than a second.
    ///
    /// - Throws: What the issuer throws, when there is no token to serve instead;
    ///   ``TokenSourceError/boundToOtherCertificate``.
    public func token(for request: TokenRequest) async throws -> IssuedAccessToken {
        try await self.presentable(request).token
    }

    /// A token, and the X.509-SVID that the connection has to present, where the token is bound to one.
    package func presentable(_ request: TokenRequest) async throws -> (token: IssuedAccessToken, svid: X509SVID?) {
        var looks = 0
        while true {
            // While there is none, tokens that are not bound are of use all the same.
            let svid = try? self.identity?.current().svid
            let token = try await self.token(for: request, presenting: svid)
            guard token.isCertificateBound, let svid, token.spiffeID == svid.id else { return (token, nil) }
            guard token.certificateSHA256 != svid.certificateSHA256 else { return (token, svid) }
            // The issuer and this process learn of a new certificate one after the other.
            looks += 1
            guard looks < Self.maxLooks else { throw TokenSourceError.boundToOtherCertificate }
            try await self.instants.sleep(for: Self.lookAgainAfter)
        }
    }

    private func token(for request: TokenRequest, presenting svid: X509SVID?) async throws -> IssuedAccessToken {
        switch self.step(request, svid) {
        case .use(let token): return token
        case .fail(let error): throw error
        case .fetch: return try await self.fetched(request, svid)
        case .refresh(let refresh):
            if refresh.begins { self.begin(request, svid) }
            return refresh.waits ? try await self.replacement(of: refresh.token, request, svid) : refresh.token
        }
    }

    /// Tells that a service has refused a token as invalid: the next call fetches another one.
    ///
    /// The clients of `AuthorizationHTTPClient` and `AuthorizationGRPC` do so at 401 `invalid_token`, and at
    /// UNAUTHENTICATED with a reason `access_token.…`. The issuer is asked once for each token, and when the next ones are
    /// refused as well, after 1 s, 2 s … 60 s only; until there is another one, the refused one serves. `AuthorizationGRPC`
    /// does not where the token is bound to the SVID of now and the connection has another certificate.
    ///
    /// - Parameters:
    ///   - token: As ``token(for:)`` gave it; nothing happens when there is another one already.
    ///   - request: What it was asked for.
    public func refused(_ token: IssuedAccessToken, for request: TokenRequest) {
        var generator = self.makeGenerator()
        let now = self.instants.now()
        self.lives.withLock { lives in _ = lives[request]?.refused(token, now: now, using: &generator) }
    }

    /// Forgets the tokens that are bound to a certificate.
    ///
    /// To be called when the process has a new X.509-SVID, where the source does not know its identity: the next call
    /// fetches tokens for that one.
    public func certificateReplaced() {
        self.lives.withLock { lives in
            for request in lives.keys { lives[request]?.withdrawIfCertificateBound() }
        }
    }

    /// How many callers wait for a request that another one makes.
    package var waitingCount: Int { self.flights.waitingCount }

    private func step(_ request: TokenRequest, _ svid: X509SVID?) -> TokenLife.Step {
        let now = self.instants.now()
        // What nobody has fetched yet leaves nothing.
        return self.withLife(of: request, svid) { $0.step(now: now) } ?? .fetch
    }

    /// Looks at what there is, without a token that is bound to another certificate.
    private func withLife<Found: Sendable>(
        of request: TokenRequest, _ svid: X509SVID?, _ body: (inout TokenLife) -> Found
    ) -> Found? {
        let isBound = self.lives.withLock { $0[request]?.isCertificateBound ?? false }
        let hash = isBound ? svid?.certificateSHA256 : nil
        return self.lives.withLock { lives in
            guard var life = lives[request] else { return nil }
            defer { lives[request] = life }
            if let hash { life.withdraw(unlessBoundTo: hash) }
            return body(&life)
        }
    }

    /// Fetches a token that nobody has to wait for.
    private func begin(_ request: TokenRequest, _ svid: X509SVID?) {
        // Not a task of the caller: it has a token, and its end must not take the request from the others. The issuer
        // ends it, by its own time limit.
        Task.immediate {
            _ = try? await self.fetched(request, svid)
            self.lives.withLock { lives in _ = lives[request]?.ended() }
        }
    }

    /// The token that replaces another one, or that one when it does not come soon.
    private func replacement(
        of token: IssuedAccessToken, _ request: TokenRequest, _ svid: X509SVID?
    ) async throws -> IssuedAccessToken {
        do {
            return try await self.instants.withTimeLimit(TokenLife.patience) { try await self.fetched(request, svid) }
        } catch  where !error.isTokenDenial {
            try Task.checkCancellation()
            guard self.instants.now() < token.expiresAt else { throw error }
            return token
        }
    }

    private func fetched(_ request: TokenRequest, _ svid: X509SVID?) async throws -> IssuedAccessToken {
        try await self.flights.run(request) { try await self.fetch(request, svid) }
    }

    private func fetch(_ request: TokenRequest, _ svid: X509SVID?) async throws -> IssuedAccessToken {
        // Somebody may have fetched it, or failed to, since this caller looked.
        let start = self.instants.now()
        let settled = self.withLife(of: request, svid) { $0.settled(now: start) }
        if let settled, let result = settled { return try result.get() }
        var generator = self.makeGenerator()
        do {
            let issued = try await self.issuer.fetchToken(request)
            // One that cannot be read is taken to be bound to what was presented.
            let isUnreadable = issued.isCertificateBound && issued.certificateSHA256 == nil
            let token = isUnreadable ? IssuedAccessToken(issued, presented: svid?.certificateSHA256) : issued
            let now = self.instants.now()
            self.update(request, now: now) { $0.fetched(token, now: now, using: &generator) }
            self.count("fetched")
            return token
        } catch {
            try Task.checkCancellation()
            let now = self.instants.now()
            self.update(request, now: now) { life in
                if error.isTokenDenial { life.withdraw() }
                life.failed(error, now: now, using: &generator)
            }
            self.count(error.isTokenDenial ? "denied" : "failed")
            throw error
        }
    }

    private func count(_ result: String) {
        Counter(
            label: "signet_token_source_fetches_total", dimensions: [("result", result)], factory: self.metrics
        ).increment()
    }

    private func update(_ request: TokenRequest, now: Date, _ change: (inout TokenLife) -> Void) {
        self.lives.withLock { lives in
            if lives[request] == nil, lives.count >= Self.maxTokens {
                lives = lives.filter { !$0.value.isEmpty(now: now) }
                // What was not used up is given up: it can be fetched again.
                if lives.count >= Self.maxTokens, let any = lives.keys.first { lives[any] = nil }
            }
            change(&lives[request, default: TokenLife()])
        }
    }
}

/// Why there is no token although the issuer gives one.
@nonexhaustive
public enum TokenSourceError: Error, Hashable {
    /// For five seconds, the tokens were bound to another certificate than the one that this process presents.
    case boundToOtherCertificate
}
