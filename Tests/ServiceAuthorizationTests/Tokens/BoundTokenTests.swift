import AccessTokens
import FoundationEssentials
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing

@Suite("Tokens that are bound to the certificate", .timeLimit(.minutes(1)))
struct BoundTokenTests {
    private let issuer: TestIssuer
    private let identity: RotatingIdentity
    private let ahead: RotatingIdentity
    private let request = TokenRequest(audience: TestIssuer.payments)

    init() throws {
        let authority = try TestAuthority(trustDomain: "example.org", now: Date())
        self.issuer = try TestIssuer()
        self.identity = try RotatingIdentity(authority)
        self.ahead = try RotatingIdentity(authority)
    }

    private func source(_ binding: BindingIssuer) -> TokenSource {
        TokenSource(issuer: binding, identity: self.identity, instants: self.issuer.time.instants) { NoChance() }
    }

    @Test("one that names the certificate says so, and one that cannot be read does not")
    func thumbprint() async throws {
        let hash = self.identity.current().svid.certificateSHA256
        let token = try await BindingIssuer(issuer: self.issuer, identity: self.identity).fetchToken(self.request)
        #expect(token.certificateSHA256 == hash)
        for text in ["opaque", "a.b.c", "e30.e30.e30", "e30.eyJjbmYiOnsieDV0I1MyNTYiOiJBQSJ9fQ.e30"] {
            let other = IssuedAccessToken(
                token: text, audience: "x", scopes: .none, spiffeID: token.spiffeID, issuedAt: Date(),
                expiresAt: Date(), isCertificateBound: true)
            #expect(other.certificateSHA256 == nil)
            #expect(IssuedAccessToken(other, presented: hash).certificateSHA256 == hash)
        }
        #expect(IssuedAccessToken(token, presented: [1]).certificateSHA256 == hash)
    }

    @Test("the next call after a rotation has a token for the new certificate; without one nobody is asked")
    func rotation() async throws {
        let binding = BindingIssuer(issuer: self.issuer, identity: self.identity)
        let source = self.source(binding)
        for calls in 1...3 {
            for _ in 0..<10 {
                let token = try await source.token(for: self.request)
                #expect(token.certificateSHA256 == self.identity.current().svid.certificateSHA256)
            }
            #expect(binding.calls.values.count == calls)
            try self.identity.rotate()
        }
    }

    @Test("one that cannot be read is taken to be bound to what was presented")
    func opaque() async throws {
        let issuer = OpaqueIssuer(time: self.issuer.time)
        let source = TokenSource(
            issuer: issuer, identity: self.identity, instants: self.issuer.time.instants
        ) { NoChance() }
        for _ in 0..<3 { #expect(try await source.token(for: self.request).token == "opaque-1") }
        try self.identity.rotate()
        #expect(try await source.token(for: self.request).token == "opaque-2")
    }

    @Test("where the issuer knows of a new certificate first, a call waits until this process knows it, too")
    func issuerAhead() async throws {
        let source = self.source(BindingIssuer(issuer: self.issuer, identity: self.ahead))
        async let token = source.presentable(self.request)
        try await self.issuer.time.waitForSleepers(1)
        self.identity.become(self.ahead)
        self.issuer.time.advance(by: TokenSource.lookAgainAfter)
        let (found, svid) = try await token
        #expect(found.certificateSHA256 == self.ahead.current().svid.certificateSHA256)
        #expect(svid?.certificates == self.ahead.current().svid.certificates)
    }

    @Test("where they never agree, the call fails with the reason after five seconds")
    func neverAgreed() async throws {
        let source = self.source(BindingIssuer(issuer: self.issuer, identity: self.ahead))
        let start = self.issuer.time.now
        async let token = source.token(for: self.request)
        for _ in 1..<TokenSource.maxLooks {
            try await self.issuer.time.waitForSleepers(1)
            self.issuer.time.advance(by: TokenSource.lookAgainAfter)
        }
        let result: Result<IssuedAccessToken, any Error>
        do { result = .success(try await token) } catch { result = .failure(error) }
        #expect(throws: TokenSourceError.boundToOtherCertificate) { try result.get() }
        #expect(abs(self.issuer.time.now.timeIntervalSince(start) - 4.9) < 0.001)
    }
}

/// Issues tokens that nobody can read.
private struct OpaqueIssuer: AccessTokenIssuer {
    let time: ManualInstants
    let calls = Recorded<TokenRequest>()

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        self.calls.append(request)
        return IssuedAccessToken(
            token: "opaque-\(self.calls.values.count)", audience: request.audience, scopes: request.scopes,
            spiffeID: try SPIFFEID(parsing: TestIssuer.orders), issuedAt: self.time.now,
            expiresAt: self.time.now.addingTimeInterval(600), isCertificateBound: true)
    }
}
