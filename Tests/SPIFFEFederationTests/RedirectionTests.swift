import FoundationEssentials
import SPIFFE
import SPIFFEFederation
import TestSupport
import Testing

@Suite("Redirections of bundle endpoints", .timeLimit(.minutes(1)))
struct RedirectionTests {
    private let fixtures: Fixtures

    init() throws {
        self.fixtures = try Fixtures()
    }

    @Test(
        "FED-39, FED-41, FED-42: a redirection to another endpoint URL is followed, and not remembered",
        arguments: [301, 302, 303, 307, 308])
    func followed(status: Int) async throws {
        let f = self.fixtures
        let first = try await ScriptedEndpoint.start(f.webIdentity())
        let second = try await ScriptedEndpoint.start(f.webIdentity())
        first.answer("/b", status: status, fields: ["Location: https://localhost:\(second.port)/moved"])
        second.answer("/moved", status: 302, fields: ["Location: ../again?x=1"])
        second.answer("/again?x=1", body: f.foreign.bundle.document())
        #expect(try await f.client().fetch(f.webEndpoint(first.port)) == f.foreign.bundle)
        #expect(first.requests.values.count == 1)
        #expect(second.requests.values.count == 2)
        _ = try await f.client().fetch(f.webEndpoint(first.port))
        #expect(first.requests.values.count == 2)
        try await first.stop()
        try await second.stop()
    }

    @Test("FED-40: the server that is redirected to has to prove its host as well")
    func webChecksTarget() async throws {
        let f = self.fixtures
        let first = try await ScriptedEndpoint.start(f.webIdentity())
        let second = try await ScriptedEndpoint.start(f.webIdentity(of: f.foreign))
        first.answer("/b", status: 302, fields: ["Location: https://localhost:\(second.port)/b"])
        second.answer("/b", body: f.foreign.bundle.document())
        let error = await #expect(throws: BundleFetchError.self) {
            try await f.client().fetch(f.webEndpoint(first.port))
        }
        guard case .serverRefused = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(second.requests.values.isEmpty)
        try await first.stop()
        try await second.stop()
    }

    @Test(
        "FED-63, FED-64, FED-65: the server that is redirected to has the same SPIFFE ID, and the next fetch asks the first"
    )
    func spiffeChecksTarget() async throws {
        let f = self.fixtures
        let first = try await ScriptedEndpoint.start(f.spiffeIdentity())
        let same = try await ScriptedEndpoint.start(f.spiffeIdentity())
        let trusted = TrustBundles([f.foreign.bundle])
        first.answer("/b", status: 302, fields: ["Location: https://localhost:\(same.port)/b"])
        same.answer("/b", body: f.foreign.bundle.document())
        #expect(try await f.client().fetch(f.spiffeEndpoint(first.port), trusting: trusted) == f.foreign.bundle)
        for identity in [try f.spiffeIdentity(id: "spiffe://foreign.test/other"), try f.webIdentity()] {
            let other = try await ScriptedEndpoint.start(identity)
            other.answer("/b", body: f.foreign.bundle.document())
            first.answer("/b", status: 302, fields: ["Location: https://localhost:\(other.port)/b"])
            let error = await #expect(throws: BundleFetchError.self) {
                try await f.client().fetch(f.spiffeEndpoint(first.port), trusting: trusted)
            }
            guard case .serverRefused = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(other.requests.values.isEmpty)
            try await other.stop()
        }
        try await first.stop()
        try await same.stop()
    }

    @Test("FED-33: a redirection to what is no endpoint URL is refused")
    func refused() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(f.webIdentity())
        let wrong: [([String], BundleEndpointURLError?)] = [
            (["Location: http://localhost:\(server.port)/c"], .notHTTPS),
            (["Location: https://u:p@localhost/c"], .hasUserInformation), ([], nil),
        ]
        server.answer("/c", body: f.foreign.bundle.document())
        for (fields, reason) in wrong {
            server.answer("/b", status: 302, fields: fields)
            await #expect(throws: BundleFetchError.redirectionRefused(reason)) {
                try await f.client().fetch(f.webEndpoint(server.port))
            }
        }
        try await server.stop()
    }

    @Test("redirections that go round end after five")
    func endless() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(f.webIdentity())
        server.answer("/b", status: 302, fields: ["Location: /b"])
        await #expect(throws: BundleFetchError.tooManyRedirections) {
            try await f.client().fetch(f.webEndpoint(server.port))
        }
        #expect(server.requests.values.count == 1 + BundleEndpointClient.maxRedirections)
        try await server.stop()
    }

    @Test("FED-69: a client that is told not to follows no redirection")
    func notFollowed() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(f.webIdentity())
        server.answer("/b", status: 307, fields: ["Location: /c"])
        server.answer("/c", body: f.foreign.bundle.document())
        await #expect(throws: BundleFetchError.redirected(status: 307)) {
            try await f.client(followsRedirections: false).fetch(f.webEndpoint(server.port))
        }
        try await server.stop()
    }
}
