import AccessTokens
import AsyncHTTPClient
import AuthorizationOAuth
import FoundationEssentials
import Hummingbird
import NIOCore
import NIOSSL
import SPIFFE
import SPIFFEHTTPClient
import SPIFFEHummingbird
import SPIFFETLS
import ServiceAuthorization
import TestSupport
import Testing

@Suite("An OAuth endpoint that sends its callers elsewhere", .timeLimit(.minutes(1)))
struct RedirectionTests {
    private let services: TestServices
    private let asked = Recorded<String>()

    init() throws {
        self.services = try TestServices()
    }

    /// An endpoint that redirects to another path, where it would give tokens.
    private func withServer(_ body: (_ url: String) async throws -> Void) async throws {
        let asked = self.asked
        let router = Router(context: SPIFFERequestContext.self)
        router.post("token") { _, _ in
            asked.append("token")
            return Response.redirect(to: "/elsewhere", type: .temporary)
        }
        router.get(".well-known/oauth-authorization-server") { _, _ in
            asked.append("metadata")
            return Response.redirect(to: "/elsewhere", type: .temporary)
        }
        router.get("elsewhere") { _, _ in
            asked.append("elsewhere")
            return "{}"
        }
        router.post("elsewhere") { _, _ in
            asked.append("elsewhere")
            return #"{"access_token":"stolen","token_type":"Bearer","expires_in":600}"#
        }
        try await self.services.serving(router) { port in try await body("https://127.0.0.1:\(port)/token") }
    }

    private func fetch(_ url: String, _ client: OAuthHTTPClient) async throws -> IssuedAccessToken {
        try await OAuthTokenIssuer(
            issuer: TestIssuer.issuer, tokenEndpoint: url, client: client,
            authentication: .x509SVID(self.services.orders)
        ).fetchToken(TokenRequest(audience: TestIssuer.payments))
    }

    @Test("is not followed there, whichever way it proves itself")
    func notFollowed() async throws {
        try await self.withServer { url async throws in
            let policy = try PeerPolicy.exactly(SPIFFEID(parsing: TestIssuer.payments))
            try await withSPIFFEHTTPClient(source: self.services.orders, policy: policy) {
                client async throws -> Void in
                await #expect(throws: OAuthClientError.unexpectedStatus(307)) {
                    try await self.fetch(url, OAuthHTTPClient(client))
                }
                await #expect(throws: OAuthClientError.unexpectedStatus(307)) {
                    try await OAuthDiscovery(
                        issuer: String(url.dropLast("/token".count)), client: OAuthHTTPClient(client)
                    ).metadata()
                }
            }
            let svid = self.services.orders.identity.svid
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateChain = try svid.certificates.map {
                .certificate(try NIOSSLCertificate(bytes: Array($0.derBytes), format: .der))
            }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: svid.privateKeyPKCS8DER, format: .der))
            tls.trustRoots = .certificates(
                try self.services.orders.identity.bundles[self.services.policy]?.x509Authorities.map {
                    try NIOSSLCertificate(bytes: Array($0.derBytes), format: .der)
                } ?? [])
            // The server has no name here.
            tls.certificateVerification = .noHostnameVerification
            var configuration = HTTPClient.Configuration(redirectConfiguration: .follow(max: 5, allowCycles: false))
            configuration.tlsConfiguration = tls
            let client = OAuthHTTPClient(configuration: configuration)
            await #expect(throws: OAuthClientError.unexpectedStatus(307)) { try await self.fetch(url, client) }
            try await client.shutdown()
        }
        #expect(self.asked.values == ["token", "metadata", "token"])
    }
}
