import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport

/// An issuer of access tokens, and the state that its validators hold.
final class TestIssuer: TokenStateSource, Sendable {
    static let issuer = "https://issuer.example.org"
    static let payments = "spiffe://example.org/payments"
    static let orders = "spiffe://example.org/orders"

    let key = P256.Signing.PrivateKey()
    let time: ManualInstants
    private let state: Mutex<TokenState?>

    init(time: ManualInstants = ManualInstants()) throws {
        self.time = time
        self.state = Mutex(nil)
        try self.publish()
    }

    func currentState() -> TokenState? { self.state.withLock { $0 } }

    /// Makes the state what it is now, with these revocations.
    func publish(_ revocations: [Revocation] = [], issuer: String = TestIssuer.issuer) throws {
        let keys = AccessTokenKeys(["at-1": PublicKey(self.key.publicKey)])
        let now = self.time.now
        let state = try TokenState(
            issuer: issuer, keys: keys, revocations: RevocationState(revocations, now: now), knownAt: now)
        self.state.withLock { $0 = state }
    }

    func forget() { self.state.withLock { $0 = nil } }

    func revocation(_ target: Revocation.Target) -> Revocation {
        Revocation(target, revokedAt: self.time.now, expiresAt: self.time.now.addingTimeInterval(900))
    }

    func token(
        scope: String = "payments:create", id: String = "t-1", audience: String = TestIssuer.payments,
        subject: String = TestIssuer.orders, lifetime: Double = 600, certificateSHA256: [UInt8]? = nil,
        type: String = "at+jwt"
    ) throws -> String {
        let claims = AccessTokenClaims(
            issuer: Self.issuer, subject: try SPIFFEID(parsing: subject), audience: audience,
            scopes: try ScopeSet(parsing: scope), issuedAt: self.time.now,
            expiresAt: self.time.now.addingTimeInterval(lifetime), tokenID: id, certificateSHA256: certificateSHA256)
        return try JWSSigning.compactSynchronously(
            header: ["alg": "ES256", "kid": "at-1", "typ": .string(type)], claims: claims.object()
        ) { input in try Array(self.key.signature(for: input).rawRepresentation) }
    }

    static func peer(_ id: String = TestIssuer.orders, certificate: UInt8 = 1) throws -> TokenPeer {
        TokenPeer(
            id: try SPIFFEID(parsing: id), certificateSHA256: [UInt8](repeating: certificate, count: 32),
            certificateSerial: "a\(certificate)")
    }
}

/// A sink that remembers.
struct RecordedAudit: AuditSink {
    let events = Recorded<AuthorizationEvent>()

    func record(_ event: AuthorizationEvent) { self.events.append(event) }
}
