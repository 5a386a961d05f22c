import AccessTokens
import AsyncHTTPClient
import Audit
import Authority
import AuthorizationOAuth
import ControlPlaneProtos
import FoundationEssentials
import Logging
import NIOSSL
import Rotation
import SPIFFE
import SPIFFEHTTPClient
import SPIFFETLS
import ServiceAuthorization
import SwiftASN1
import Synchronization
import TestSupport
import Testing
import X509

@Suite("the library of services against the authorization server", .timeLimit(.minutes(3)))
struct OAuthLibraryTests {
    private struct NoAudit: ServiceAuthorization.AuditSink {
        func record(_ event: AuthorizationEvent) {}
    }

    private static let issuer = "https://tokens.example.org"
    private static let request = TokenRequest(
        audience: "spiffe://example.org/payments", scopes: ScopeSet(literal: ["payments:create"]))

    /// A control plane in the time of this machine, by which the client judges it.
    private func withServer(
        _ binding: Signet_Server_V1_Binding = .identity, settings: HarnessSettings = oauthSettings,
        _ body: @escaping @Sendable (ControlPlaneUnderTest, TestIdentity, _ port: Int) async throws -> Void
    ) async throws {
        try await withAuthorizationServer(binding, time: ManualInstants(now: Date()), settings: settings) {
            plane, orders async throws in
            try await body(plane, orders, try #require(plane.httpsPort))
        }
    }

    private func withIssuer(
        _ plane: ControlPlaneUnderTest, _ identity: TestIdentity, _ port: Int,
        _ body: (OAuthTokenIssuer, OAuthHTTPClient) async throws -> Void
    ) async throws {
        let policy = try PeerPolicy.exactly(plane.id("/spire/server"))
        try await withSPIFFEHTTPClient(source: identity, policy: policy) { client in
            let client = OAuthHTTPClient(client)
            try await body(
                OAuthTokenIssuer(
                    issuer: Self.issuer, tokenEndpoint: "https://127.0.0.1:\(port)/oauth2/token", client: client,
                    authentication: .x509SVID(identity)), client)
        }
    }

    @Test("a token by X509-SVID is accepted by a validator with the keys of jwks_uri")
    func x509() async throws {
        try await self.withServer { plane, orders, port async throws in
            try await self.withIssuer(plane, orders, port) { issuer, client async throws in
                let token = try await TokenSource(issuer: issuer).token(for: Self.request)
                #expect(token.audience == "spiffe://example.org/payments")
                #expect(token.scopes.text == "payments:create")
                #expect(!token.isCertificateBound)
                let state = JWKSetState(
                    issuer: Self.issuer, url: "https://127.0.0.1:\(port)/oauth2/jwks", client: client,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                let validator = TokenValidator(
                    rules: AccessTokenRules(
                        issuer: Self.issuer, audience: token.audience, trustDomains: [plane.trustDomain]),
                    state: state, maxStaleness: .seconds(900), audit: NoAudit())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await state.run() }
                    try await state.waitUntilReady()
                    group.cancelAll()
                }
                let peer = TokenPeer(
                    id: orders.id, certificateSHA256: [UInt8](repeating: 0, count: 32), certificateSerial: "1")
                let accepted = try validator.validate(
                    authorization: [token.authorization], from: peer, by: RouteRule(.all(Self.request.scopes)),
                    route: "POST /payments")
                #expect(accepted?.claims.subject == orders.id)
            }
        }
    }

    @Test("a token that is bound to the certificate is known to be")
    func bound() async throws {
        try await self.withServer(.certificate) { plane, orders, port async throws in
            try await self.withIssuer(plane, orders, port) { issuer, _ async throws in
                #expect(try await issuer.fetchToken(Self.request).isCertificateBound)
            }
        }
    }

    @Test("the issuer alone is enough: its metadata says where tokens and keys are")
    func discovery() async throws {
        try await self.withServer { plane, orders, port async throws in
            let policy = try PeerPolicy.exactly(plane.id("/spire/server"))
            try await withSPIFFEHTTPClient(source: orders, policy: policy) { spiffe async throws -> Void in
                // The server of a test has another port than its issuer says.
                let client = OAuthHTTPClient { request, timeout in
                    var request = request
                    #expect(request.url.hasPrefix(Self.issuer + "/"))
                    request.url = "https://127.0.0.1:\(port)" + request.url.dropFirst(Self.issuer.count)
                    return try await spiffe.execute(request, timeout: timeout)
                }
                let discovery = OAuthDiscovery(issuer: Self.issuer, client: client)
                let issuer = OAuthTokenIssuer(
                    discovery: discovery, client: client, authentication: .x509SVID(orders))
                #expect(try await issuer.fetchToken(Self.request).spiffeID == orders.id)
                let keys = JWKSetState(
                    discovery: discovery, client: client,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await keys.run() }
                    try await keys.waitUntilReady()
                    group.cancelAll()
                }
                let published = try #require(plane.tokenKeys?.state.current.keys.map(\.id))
                #expect(keys.currentState().map { Set($0.keys.keyIDs) } == Set(published))
                #expect(try await discovery.metadata().jwksURI == Self.issuer + "/oauth2/jwks")
            }
        }
    }

    @Test("after a rotation the token is bound to the new certificate, also over connections that were open before")
    func rotation() async throws {
        try await self.withServer(.certificate) { plane, orders, port async throws in
            let identity = Rotating(orders)
            let policy = try PeerPolicy.exactly(plane.id("/spire/server"))
            try await withSPIFFEHTTPClient(source: identity, policy: policy) { client async throws -> Void in
                let issuer = OAuthTokenIssuer(
                    issuer: Self.issuer, tokenEndpoint: "https://127.0.0.1:\(port)/oauth2/token",
                    client: OAuthHTTPClient(client), authentication: .x509SVID(identity))
                let tokens = TokenSource(issuer: issuer, identity: identity)
                for round in 1...4 {
                    let token = try await tokens.token(for: Self.request)
                    #expect(token.isCertificateBound)
                    #expect(token.certificateSHA256 == identity.current().svid.certificateSHA256)
                    #expect(try await tokens.token(for: Self.request).token == token.token)
                    #expect(plane.audit.events.count { $0.decision == .issued && $0.kind == .accessToken } == round)
                    identity.become(try await plane.mint("/orders"))
                }
            }
        }
    }

    /// An identity that is replaced when the test says so.
    private final class Rotating: X509SVIDSource {
        private let identity: Mutex<TestIdentity>

        init(_ identity: TestIdentity) {
            self.identity = Mutex(identity)
        }

        func current() -> X509Identity { self.identity.withLock { $0 }.current() }
        func become(_ next: TestIdentity) { self.identity.withLock { $0 = next } }
    }

    @Test("the library says its version; where a newer one is demanded, it is refused and says so")
    func libraryTooOld() async throws {
        try await self.withServer { plane, orders, port async throws in
            try await self.withIssuer(plane, orders, port) { issuer, _ async throws in
                _ = try await issuer.fetchToken(Self.request)
            }
            #expect(plane.audit.events.last?.library == "signet-swift/\(LibraryVersion.current)")
        }
        var settings = oauthSettings
        settings.minimumLibraryVersion = LibraryVersion(major: LibraryVersion.current.major + 1, minor: 0, patch: 0)
        try await self.withServer(settings: settings) { plane, orders, port async throws in
            try await self.withIssuer(plane, orders, port) { issuer, _ async throws in
                await #expect(throws: OAuthClientError.libraryTooOld) { try await issuer.fetchToken(Self.request) }
            }
        }
    }

    @Test("what the server refuses has its code")
    func refused() async throws {
        try await self.withServer { plane, orders, port async throws in
            try await self.withIssuer(plane, orders, port) { issuer, _ async throws in
                let more = TokenRequest(audience: "payments", scopes: ScopeSet(literal: ["payments:delete"]))
                await #expect(throws: OAuthClientError.refused(code: "invalid_scope", status: 400)) {
                    try await issuer.fetchToken(more)
                }
                await #expect(throws: OAuthClientError.refused(code: "invalid_target", status: 400)) {
                    try await issuer.fetchToken(TokenRequest(audience: "inventory"))
                }
            }
            let stranger = try await plane.mint("/stranger")
            try await self.withIssuer(plane, stranger, port) { issuer, _ async throws in
                await #expect(throws: OAuthClientError.refused(code: "invalid_client", status: 400)) {
                    try await issuer.fetchToken(Self.request)
                }
            }
        }
    }

    @Test("a token by JWT-SVID, from a server that is known by its host name")
    func assertion() async throws {
        try await self.withServer { plane, _, port async throws in
            let roots = try plane.authority.state.current.bundle.x509Authorities.map {
                try NIOSSLCertificate(bytes: Array($0.serializeAsPEM().derBytes), format: .der)
            }
            var configuration = HTTPClient.Configuration()
            configuration.dnsOverride = ["tokens.example.org": "127.0.0.1"]
            configuration.tlsConfiguration = .makeClientConfiguration()
            configuration.tlsConfiguration?.trustRoots = .certificates(roots)
            let client = OAuthHTTPClient(configuration: configuration)
            let url = "https://tokens.example.org:\(port)/oauth2/token"
            func issuer(audience: String) -> OAuthTokenIssuer {
                OAuthTokenIssuer(
                    issuer: audience, tokenEndpoint: url, client: client,
                    authentication: .jwtSVID { audience, _ in
                        try JWTSVID(
                            receivedFromWorkloadAPI: try await plane.assertion("/orders", audience: [audience]))
                    })
            }
            let result: Result<IssuedAccessToken, any Error>
            do { result = .success(try await issuer(audience: Self.issuer).fetchToken(Self.request)) } catch {
                result = .failure(error)
            }
            await #expect(throws: OAuthClientError.refused(code: "invalid_client", status: 400)) {
                try await issuer(audience: "https://other.example.org").fetchToken(Self.request)
            }
            try await client.shutdown()
            #expect(try result.get().spiffeID.uri == "spiffe://example.org/orders")
        }
    }
}
