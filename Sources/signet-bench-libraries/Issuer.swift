import AccessGrants
import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import Registration
import SPIFFE
import ServiceAuthorization

/// An issuer with one service and one grant, and the state that its validators hold.
struct Issuer: TokenStateSource {
    static let name = "https://tokens.bench.example"

    let key = P256.Signing.PrivateKey()
    let caller: SPIFFEID
    let payments: SPIFFEID
    let scopes: ScopeSet
    private let policy: AccessPolicy
    private let state: TokenState

    init(now: Date) throws {
        self.caller = try SPIFFEID(parsing: "spiffe://bench.example/orders")
        self.payments = try SPIFFEID(parsing: "spiffe://bench.example/payments")
        self.scopes = try ScopeSet(parsing: "payments:create")
        let service = try RegisteredService(
            name: ServiceName(parsing: "payments"),
            members: SPIFFEIDPattern(parsing: self.payments.uri, in: self.payments.trustDomain),
            owners: ["bench"], createdBy: .uid(0), createdAt: now)
        let grant = try Grant(
            id: "1", caller: SPIFFEIDPattern(parsing: self.caller.uri, in: self.caller.trustDomain),
            service: service.name, scopes: self.scopes,
            createdBy: .uid(0), createdAt: now)
        self.policy = AccessPolicy(services: [service], grants: [grant])
        self.state = TokenState(
            issuer: Self.name, keys: AccessTokenKeys(["1": PublicKey(self.key.publicKey)]),
            revocations: RevocationState(), knownAt: now)
    }

    func currentState() -> TokenState? { self.state }

    /// The issuing step: the decision, the claims, the signature.
    func token(now: Date) throws -> String {
        let decision = try self.policy.decide(
            caller: self.caller, audience: "payments", scopes: self.scopes, now: now)
        let content = AccessTokenContent(
            issuer: Self.name, subject: self.caller, audience: decision.service.audience, scopes: decision.scopes,
            lifetime: decision.lifetime, now: now)
        return try content.signed(keyID: "1", algorithm: .es256) { input in
            try Array(self.key.signature(for: input).rawRepresentation)
        }
    }

    /// Whom the tokens are from.
    var peer: TokenPeer {
        TokenPeer(id: self.caller, certificateSHA256: [UInt8](repeating: 1, count: 32), certificateSerial: "1")
    }

    func validator() -> TokenValidator {
        TokenValidator(
            rules: AccessTokenRules(
                issuer: Self.name, audience: self.payments.uri, trustDomains: [self.payments.trustDomain]),
            // The state is as old as the program.
            state: self, maxStaleness: .seconds(3_600), audit: DiscardedAudit())
    }
}

/// A sink for records that nobody reads.
private struct DiscardedAudit: AuditSink {
    func record(_ event: AuthorizationEvent) {}
}
