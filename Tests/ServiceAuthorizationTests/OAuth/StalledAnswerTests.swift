import AsyncHTTPClient
import AuthorizationOAuth
import Hummingbird
import NIOCore
import Rotation
import SPIFFE
import SPIFFEHTTPClient
import SPIFFEHummingbird
import SPIFFETLS
import ServiceAuthorization
import TestSupport
import Testing

@Suite("An OAuth endpoint that begins an answer and does not end it", .timeLimit(.minutes(1)))
struct StalledAnswerTests {
    private let services: TestServices
    private let time = ManualInstants()

    init() throws {
        self.services = try TestServices()
    }

    @Test("has ten seconds for the whole of it")
    func limited() async throws {
        let router = Router(context: SPIFFERequestContext.self)
        router.post("token") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    try await writer.write(ByteBuffer(string: "{"))
                    for await _ in Watched(0).updates() {}
                    try await writer.finish(nil)
                })
        }
        let policy = try PeerPolicy.exactly(SPIFFEID(parsing: TestIssuer.payments))
        try await self.services.serving(router) { port in
            try await withSPIFFEHTTPClient(source: self.services.orders, policy: policy) {
                spiffe async throws -> Void in
                let (heads, head) = AsyncStream<Void>.makeStream()
                let client = OAuthHTTPClient(instants: self.time.instants) { request, timeout in
                    let response = try await spiffe.execute(request, timeout: timeout)
                    head.yield()
                    return response
                }
                let issuer = OAuthTokenIssuer(
                    issuer: TestIssuer.issuer, tokenEndpoint: "https://127.0.0.1:\(port)/token", client: client,
                    authentication: .x509SVID(self.services.orders))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await #expect(throws: OAuthClientError.timedOut) {
                            try await issuer.fetchToken(TokenRequest(audience: TestIssuer.payments))
                        }
                    }
                    for await _ in heads { break }
                    try await self.time.waitForSleepers(1)
                    self.time.advance(by: .seconds(10))
                    try await group.waitForAll()
                }
            }
        }
    }
}
