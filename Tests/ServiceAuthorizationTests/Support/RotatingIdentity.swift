import AccessTokens
import FoundationEssentials
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport

/// The identity of `orders`, which has another SVID whenever the test says so.
final class RotatingIdentity: X509SVIDSource {
    private let authority: TestAuthority
    private let identity: Mutex<X509Identity>

    init(_ authority: TestAuthority) throws {
        self.authority = authority
        self.identity = Mutex(try authority.x509Identity(id: TestIssuer.orders))
    }

    func current() -> X509Identity { self.identity.withLock { $0 } }

    /// Has the SVID of another one.
    func become(_ other: RotatingIdentity) {
        let next = other.current()
        self.identity.withLock { $0 = next }
    }

    func rotate() throws {
        let next = try self.authority.x509Identity(id: TestIssuer.orders)
        self.identity.withLock { $0 = next }
    }
}

/// Issues tokens that are bound to the certificate that an identity has at the moment.
struct BindingIssuer: AccessTokenIssuer {
    let issuer: TestIssuer
    let identity: RotatingIdentity
    let calls = Recorded<[UInt8]>()

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        let svid = self.identity.current().svid
        self.calls.append(svid.certificateSHA256)
        return IssuedAccessToken(
            token: try self.issuer.token(id: "t-\(self.calls.values.count)", certificateSHA256: svid.certificateSHA256),
            audience: request.audience, scopes: request.scopes, spiffeID: svid.id, issuedAt: self.issuer.time.now,
            expiresAt: self.issuer.time.now.addingTimeInterval(600), isCertificateBound: true)
    }
}
