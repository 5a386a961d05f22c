public import AccessTokens
import FoundationEssentials
import Metrics
package import Rotation
import Synchronization
import WorkloadAPI

/// The access tokens of this process, one for each service that it calls.
///
/// A token is fetched when it is first asked for, and again after 0.8 of its life, moved by chance; whoever asks for the
/// same one at the same time shares a call. While the issuer is away, the last token serves until it expires, and the
/// issuer is asked at growing intervals only.
///
/// ```swift
/// let tokens = TokenSource(issuer: AgentTokenIssuer(client: WorkloadAPIClient(address: address)))
/// let token = try await tokens.token(for: TokenRequest(audience: payments.uri, scopes: create))
/// request.headers.replaceOrAdd(name: "Authorization", value: token.authorization)
/// ```
public final class TokenSource: Sendable {
    /// The most tokens that are kept.
    public static let maxTokens = 1_000

    private let issuer: any AccessTokenIssuer
    private let instants: Instants
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator
    private let lives = Mutex<[TokenRequest: TokenLife]>([:])
    private let flights = SingleFlight<TokenRequest, IssuedAccessToken>()

    public convenience init(issuer: any AccessTokenIssuer) {
        self.init(issuer: issuer, instants: .system) { SystemRandomNumberGenerator() }
    }

    package init(
        issuer: any AccessTokenIssuer, instants: Instants,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator
    ) {
        self.issuer = issuer
        self.instants = instants
        self.makeGenerator = makeGenerator
    }

    /// A token to call a service with.
    ///
    /// - Throws: What the issuer throws, when there is no token to serve instead.
    public func token(for request: TokenRequest) async throws -> IssuedAccessToken {
        switch self.step(request) {
        case .use(let token): return token
        case .fail(let error): throw error
        case .fetch(otherwise: nil):
            return try await self.flights.run(request) { try await self.fetch(request) }
        case .fetch(otherwise: let token?):
            do {
                return try await self.flights.run(request) { try await self.fetch(request) }
            } catch  where !Self.isDenial(error) {
                try Task.checkCancellation()
                guard self.instants.now() < token.expiresAt else { throw error }
                return token
            }
        }
    }

    /// Forgets the tokens that are bound to a certificate.
    ///
    /// To be called when the process has a new X.509-SVID: the next call fetches tokens for that one.
    public func certificateReplaced() {
        self.lives.withLock { lives in
            for request in lives.keys { lives[request]?.withdrawIfCertificateBound() }
        }
    }

    /// How many callers wait for a request that another one makes.
    package var waitingCount: Int { self.flights.waitingCount }

    private func step(_ request: TokenRequest) -> TokenLife.Step {
        let now = self.instants.now()
        return self.lives.withLock { $0[request, default: TokenLife()].step(now: now) }
    }

    private func fetch(_ request: TokenRequest) async throws -> IssuedAccessToken {
        // Somebody may have fetched it, or failed to, since this caller looked.
        switch self.step(request) {
        case .use(let token): return token
        case .fail(let error): throw error
        case .fetch: break
        }
        var generator = self.makeGenerator()
        do {
            let token = try await self.issuer.fetchToken(request)
            let now = self.instants.now()
            self.update(request, now: now) { $0.fetched(token, now: now, using: &generator) }
            Counter(label: "signet_token_source_fetches_total", dimensions: [("result", "fetched")]).increment()
            return token
        } catch {
            try Task.checkCancellation()
            let now = self.instants.now()
            self.update(request, now: now) { life in
                if Self.isDenial(error) { life.withdraw() }
                life.failed(error, now: now, using: &generator)
            }
            Counter(label: "signet_token_source_fetches_total", dimensions: [("result", "failed")]).increment()
            throw error
        }
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

    /// Whether the issuer has answered, and the answer is no.
    private static func isDenial(_ error: any Error) -> Bool {
        switch error as? WorkloadAPIError {
        case .permissionDenied, .invalidArgument: true
        default: (error as? any TokenIssuerError)?.isDenial ?? false
        }
    }
}
