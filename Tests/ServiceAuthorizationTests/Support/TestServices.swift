import AccessTokens
import FoundationEssentials
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport

/// Identities of two services and of a third, their issuer, and a validator of the first.
struct TestServices: Sendable {
    /// An identity that stays.
    struct Identity: X509SVIDSource {
        let identity: X509Identity

        func current() throws -> X509Identity { self.identity }
    }

    static let refunds = "spiffe://example.org/refunds"

    let authority: TestAuthority
    let payments: Identity
    let orders: Identity
    let thief: Identity
    let issuer: TestIssuer
    let audit = RecordedAudit()
    let report = ObservationReport()
    let validator: TokenValidator

    init() throws {
        // TLS judges by the clock of this machine, tokens by that of the test.
        let authority = try TestAuthority(trustDomain: "example.org", now: Date())
        self.authority = authority
        func identity(_ uri: String) throws -> Identity { Identity(identity: try authority.x509Identity(id: uri)) }
        self.payments = try identity(TestIssuer.payments)
        self.orders = try identity(TestIssuer.orders)
        self.thief = try identity("spiffe://example.org/thief")
        self.issuer = try TestIssuer()
        self.validator = TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments, trustDomains: [authority.trustDomain]),
            state: self.issuer, maxStaleness: .seconds(30), audit: AuditSinks([self.audit, self.report]),
            instants: self.issuer.time.instants)
    }

    var policy: TrustDomain { self.payments.identity.svid.id.trustDomain }

    /// A source whose issuer gives out one token.
    func tokens(_ token: String) -> TokenSource { TokenSource(issuer: FixedTokenIssuer(token: token)) }
}

/// Gives everybody the same token.
struct FixedTokenIssuer: AccessTokenIssuer {
    let token: String
    var now: @Sendable () -> Date = { Date() }

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        IssuedAccessToken(
            token: self.token, audience: request.audience, scopes: request.scopes,
            spiffeID: try SPIFFEID(parsing: TestIssuer.orders), issuedAt: self.now(),
            expiresAt: self.now().addingTimeInterval(600), isCertificateBound: false)
    }
}

/// Gives out tokens one after the other, then the last again.
final class ListedTokenIssuer: AccessTokenIssuer {
    private let tokens: Mutex<[String]>
    private let time: ManualInstants

    init(_ tokens: String..., time: ManualInstants) {
        self.tokens = Mutex(tokens)
        self.time = time
    }

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        let token = self.tokens.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return try await FixedTokenIssuer(token: token) { self.time.now }.fetchToken(request)
    }
}

/// Has no token for anybody.
struct NoTokens: AccessTokenIssuer {
    struct Missing: Error {}

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken { throw Missing() }
}

/// Fails in one way.
struct FailingTokenIssuer: AccessTokenIssuer {
    let error: any Error

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken { throw self.error }
}
