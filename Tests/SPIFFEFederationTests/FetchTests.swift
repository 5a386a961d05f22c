import FoundationEssentials
import NIOSSL
import SPIFFE
import SPIFFEFederation
import TestSupport
import Testing
import X509

@Suite("Fetching a bundle from its endpoint", .timeLimit(.minutes(1)))
struct FetchTests {
    private let fixtures: Fixtures

    init() throws {
        self.fixtures = try Fixtures()
    }

    private var document: [UInt8] { self.fixtures.foreign.bundle.document() }

    /// Fetches from a server with this identity that answers `/b` with the bundle, or with `answer`.
    private func fetch(
        from identity: ScriptedEndpoint.Identity, spiffe trusted: TrustBundles? = nil, host: String = "localhost",
        client: BundleEndpointClient? = nil, maximum: TLSVersion? = nil,
        answer: (ScriptedEndpoint) -> Void = { _ in }
    ) async throws -> (bundle: TrustBundle, requests: [String]) {
        let server = try await ScriptedEndpoint.start(identity, minimum: .tlsv1, maximum: maximum)
        server.answer("/b", body: self.document)
        answer(server)
        let endpoint =
            trusted == nil
            ? try self.fixtures.webEndpoint(server.port, host: host)
            : try self.fixtures.spiffeEndpoint(server.port, host: host)
        let bundle = try await (client ?? self.fixtures.client()).fetch(endpoint, trusting: trusted ?? TrustBundles())
        try await server.stop()
        return (bundle, server.requests.values)
    }

    private func failure(
        from identity: ScriptedEndpoint.Identity, spiffe trusted: TrustBundles? = nil, host: String = "localhost",
        client: BundleEndpointClient? = nil, maximum: TLSVersion? = nil,
        answer: (ScriptedEndpoint) -> Void = { _ in }
    ) async -> BundleFetchError? {
        await #expect(throws: BundleFetchError.self) {
            try await self.fetch(
                from: identity, spiffe: trusted, host: host, client: client, maximum: maximum, answer: answer)
        }
    }

    private func isServerRefused(_ error: BundleFetchError?) -> Bool {
        if case .serverRefused = error { true } else { false }
    }

    @Test("FED-15: a bundle is fetched by https_web")
    func web() async throws {
        let (bundle, requests) = try await self.fetch(from: self.fixtures.webIdentity())
        #expect(bundle == self.fixtures.foreign.bundle)
        let request = try #require(requests.first)
        #expect(request.hasPrefix("GET /b HTTP/1.1\r\nHost: localhost:"))
        #expect(requests.count == 1)
        #expect(!request.lowercased().contains("authorization"))
    }

    @Test("FED-15: a bundle is fetched by https_spiffe, whatever the server's host is called")
    func spiffe() async throws {
        let trusted = TrustBundles([self.fixtures.foreign.bundle])
        for host in ["localhost", "127.0.0.1"] {
            let (bundle, _) = try await self.fetch(from: self.fixtures.spiffeIdentity(), spiffe: trusted, host: host)
            #expect(bundle == self.fixtures.foreign.bundle)
        }
    }

    @Test("FED-35, FED-37: a server of the Web has the host of the URL, and its time has come")
    func webHost() async throws {
        let f = self.fixtures
        let wrong = [
            try f.webIdentity(names: ["other.test"]), try f.webIdentity(names: ["*.localhost"]),
            try f.webIdentity { $0.notAfter = Date().addingTimeInterval(-1) },
            try f.webIdentity { $0.notBefore = Date().addingTimeInterval(60) },
        ]
        for identity in wrong {
            #expect(self.isServerRefused(await self.failure(from: identity)))
        }
        // An address is no name, nor the other way round.
        let byAddress = try f.webIdentity(address: [127, 0, 0, 1])
        _ = try await self.fetch(from: byAddress, host: "127.0.0.1")
        #expect(self.isServerRefused(await self.failure(from: byAddress)))
        #expect(
            self.isServerRefused(await self.failure(from: try f.webIdentity(names: ["127.0.0.1"]), host: "127.0.0.1")))
    }

    @Test("FED-25, FED-36: a server of the Web is vouched for by an authority that is trusted here")
    func webRoots() async throws {
        let stranger = try TestAuthority(trustDomain: "web.test", now: Date())
        #expect(self.isServerRefused(await self.failure(from: try self.fixtures.webIdentity(of: stranger))))
        // The roots of this machine do not know the authority of the test.
        #expect(
            self.isServerRefused(
                await self.failure(from: try self.fixtures.webIdentity(), client: BundleEndpointClient())))
    }

    @Test("FED-58: a server with an X509-SVID has exactly the configured SPIFFE ID")
    func spiffeID() async throws {
        let f = self.fixtures
        let trusted = TrustBundles([f.foreign.bundle, f.web.bundle])
        let wrong = [
            try f.spiffeIdentity(id: "spiffe://foreign.test/spire/server2"),
            try f.spiffeIdentity(id: "spiffe://foreign.test/"),
            try f.spiffeIdentity(of: f.web, id: "spiffe://web.test/spire/server"),
            try f.spiffeIdentity(of: f.web),
            try f.spiffeIdentity { $0.uriNames.append("spiffe://foreign.test/other") },
            try f.webIdentity(of: f.foreign),
            try f.spiffeIdentity { $0.notAfter = Date().addingTimeInterval(-1) },
        ]
        for identity in wrong {
            #expect(self.isServerRefused(await self.failure(from: identity, spiffe: trusted)))
        }
    }

    @Test("FED-45, FED-48: without the bundle of the server's trust domain nothing is fetched")
    func bundleOfServerMissing() async throws {
        let trusted = TrustBundles([self.fixtures.web.bundle])
        let error = await self.failure(from: try self.fixtures.spiffeIdentity(), spiffe: trusted)
        #expect(error == .serverTrustDomainUnknown(self.fixtures.trustDomain))
    }

    @Test("FED-38, FED-60, FED-61: the server of an endpoint in another trust domain is proved by that one's bundle")
    func otherTrustDomain() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(f.spiffeIdentity(of: f.web, id: "spiffe://web.test/bundles"))
        server.answer("/b", body: self.document)
        let endpoint = BundleEndpoint(
            trustDomain: f.trustDomain, url: try BundleEndpointURL("https://localhost:\(server.port)/b"),
            profile: .httpsSPIFFE(endpointID: try SPIFFEID(parsing: "spiffe://web.test/bundles")))
        #expect(endpoint.trustDomainOfServer == f.web.trustDomain)
        let bundle = try await f.client().fetch(endpoint, trusting: TrustBundles([f.web.bundle]))
        #expect(bundle.trustDomain == f.trustDomain)
        #expect(bundle == f.foreign.bundle)
        try await server.stop()
    }

    @Test("FED-68: a server that fails one profile is not tried by the other")
    func noDowngrade() async throws {
        let f = self.fixtures
        let trusted = TrustBundles([f.foreign.bundle])
        #expect(self.isServerRefused(await self.failure(from: try f.webIdentity(), spiffe: trusted)))
        #expect(self.isServerRefused(await self.failure(from: try f.spiffeIdentity())))
    }

    @Test("FED-17: TLS is at least 1.2")
    func tlsVersion() async throws {
        _ = try await self.fetch(from: self.fixtures.webIdentity(), maximum: .tlsv12)
        #expect(self.isServerRefused(await self.failure(from: try self.fixtures.webIdentity(), maximum: .tlsv11)))
    }

    @Test("FED-70: an answer with another status than 200 is no bundle", arguments: [201, 204, 304, 404, 500])
    func status(status: Int) async throws {
        let document = self.document
        let error = await self.failure(from: try self.fixtures.webIdentity()) {
            $0.answer("/b", status: status, body: status == 204 || status == 304 ? [] : document)
        }
        #expect(error == .status(status))
    }

    @Test("FED-70: what is too long, encoded, cut off, or no HTTP is refused")
    func malformed() async throws {
        let identity = try self.fixtures.webIdentity()
        let document = self.document
        let long = [UInt8](repeating: 0x20, count: TrustBundle.maxDocumentBytes + 1)
        #expect(await self.failure(from: identity) { $0.answer("/b", body: long) } == .tooLong)
        let header = "X: " + String(repeating: "x", count: 5_000_000)
        #expect(await self.failure(from: identity) { $0.answer("/b", fields: [header]) } != nil)
        #expect(
            await self.failure(from: identity) {
                $0.answer("/b", fields: ["Content-Encoding: gzip"], body: document)
            } == .encoded("gzip"))
        let cut = await self.failure(from: identity) {
            $0.answer("/b", with: Array("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{".utf8))
        }
        #expect(cut != nil)
        #expect(
            await self.failure(from: identity) { $0.answer("/b", with: Array("SSH-2.0-x\r\n\r\n".utf8)) }
                == .malformedResponse)
        let notABundle = await self.failure(from: identity) { $0.answer("/b", body: Array("[]".utf8)) }
        guard case .malformedBundle = notABundle else {
            Issue.record("\(String(describing: notABundle))")
            return
        }
    }

    @Test("FED-70: an answer that does not come ends the fetch in time")
    func slow() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        let endpoint = try self.fixtures.webEndpoint(server.port)
        await #expect(throws: BundleFetchError.timedOut) {
            try await self.fixtures.client(timeout: .milliseconds(300)).fetch(endpoint)
        }
        try await server.stop()
    }

    @Test("a server that is not there is told apart")
    func notThere() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        try await server.stop()
        let endpoint = try self.fixtures.webEndpoint(server.port)
        let error = await #expect(throws: BundleFetchError.self) { try await self.fixtures.client().fetch(endpoint) }
        guard case .connectionFailed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
