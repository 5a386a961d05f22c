import FoundationEssentials
import Logging
import SPIFFE
import SPIFFEFederation
import TestSupport
import Testing

@Suite("Following the bundle of a foreign trust domain", .timeLimit(.minutes(1)))
struct FollowerTests {
    private let fixtures: Fixtures
    private let time = ManualInstants()

    init() throws {
        self.fixtures = try Fixtures()
    }

    private func bundle(_ sequence: UInt64?, hint: Duration? = .seconds(60), of authority: TestAuthority? = nil)
        -> TrustBundle
    {
        TrustBundle(
            trustDomain: self.fixtures.trustDomain,
            x509Authorities: [(authority ?? self.fixtures.foreign).certificate], sequenceNumber: sequence,
            refreshHint: hint)
    }

    private func follower(
        _ endpoint: BundleEndpoint, initial: TrustBundle? = nil, stored: Recorded<TrustBundle> = Recorded(),
        serverBundles: @escaping @Sendable () -> TrustBundles = { TrustBundles() }
    ) -> BundleFollower {
        BundleFollower(
            endpoint: endpoint, initial: initial, client: self.fixtures.client(), serverBundles: serverBundles,
            instants: self.time.instants, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { stored.append($0) }
    }

    @Test("FED-07, FED-08, FED-10: it fetches as often as the hint says, and stores what is new")
    func polls() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        server.answer("/b", body: self.bundle(1).document())
        let stored = Recorded<TrustBundle>()
        let follower = self.follower(try self.fixtures.webEndpoint(server.port), stored: stored)
        try await withThrowingTaskGroup { group in
            group.addTask { try await follower.run() }
            for sequence in UInt64(1)...3 {
                server.answer("/b", body: self.bundle(sequence).document())
                try await self.time.waitForSleepers(1)
                #expect(follower.current == self.bundle(sequence))
                #expect(server.requests.values.count == Int(sequence))
                // A tenth is left out at most.
                self.time.advance(by: .milliseconds(53_999))
                #expect(server.requests.values.count == Int(sequence))
                if sequence < 3 { server.answer("/b", body: self.bundle(sequence + 1).document()) }
                self.time.advance(by: .milliseconds(6_001))
                await server.waitForRequests(Int(sequence) + 1)
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(stored.values == [self.bundle(1), self.bundle(2), self.bundle(3)])
        try await server.stop()
    }

    @Test("FED-66: a failure is no reason to ask sooner, and the bundle stays")
    func failure() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        server.answer("/b", status: 500)
        let follower = self.follower(try self.fixtures.webEndpoint(server.port), initial: self.bundle(4))
        try await withThrowingTaskGroup { group in
            group.addTask { try await follower.run() }
            for count in 1...10 {
                try await self.time.waitForSleepers(1)
                #expect(server.requests.values.count == count)
                self.time.advance(by: .seconds(60))
                await server.waitForRequests(count + 1)
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(follower.current == self.bundle(4))
        try await server.stop()
    }

    @Test("FED-11, FED-12: an older bundle is not taken, one without a number is")
    func sequence() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        let follower = self.follower(try self.fixtures.webEndpoint(server.port), initial: self.bundle(7))
        let other = try TestAuthority(trustDomain: "foreign.test", now: Date())
        server.answer("/b", body: self.bundle(6, of: other).document())
        await follower.refresh()
        #expect(follower.current == self.bundle(7))
        server.answer("/b", body: self.bundle(nil, of: other).document())
        await follower.refresh()
        #expect(follower.current == self.bundle(nil, of: other))
        server.answer("/b", body: self.bundle(8).document())
        await follower.refresh()
        #expect(follower.current == self.bundle(8))
        try await server.stop()
    }

    @Test("FED-46, FED-59: a self-serving endpoint is proved by the configured bundle, then by the one fetched last")
    func selfServing() async throws {
        let f = self.fixtures
        let next = try TestAuthority(trustDomain: "foreign.test", now: Date())
        let old = try await ScriptedEndpoint.start(f.spiffeIdentity())
        let new = try await ScriptedEndpoint.start(f.spiffeIdentity(of: next))
        let configured = try TrustBundle(parsing: self.bundle(1).document(), trustDomain: f.trustDomain)
        let follower = self.follower(try f.spiffeEndpoint(old.port), initial: configured)
        let ofNew = self.follower(try f.spiffeEndpoint(new.port), initial: self.bundle(1))
        new.answer("/b", body: self.bundle(3, of: next).document())
        await ofNew.refresh()
        #expect(ofNew.current == self.bundle(1))

        old.answer("/b", body: self.bundle(2, of: next).document())
        await follower.refresh()
        #expect(follower.current == self.bundle(2, of: next))
        // The old authority is gone from the bundle, and its server is refused.
        old.answer("/b", body: self.bundle(9).document())
        await follower.refresh()
        #expect(follower.current == self.bundle(2, of: next))

        let after = self.follower(try f.spiffeEndpoint(new.port), initial: follower.current)
        await after.refresh()
        #expect(after.current == self.bundle(3, of: next))
        try await old.stop()
        try await new.stop()
    }

    @Test("FED-14, FED-18: a bundle of another trust domain is none to begin with")
    func foreignInitial() async throws {
        let follower = self.follower(try self.fixtures.webEndpoint(1), initial: self.fixtures.web.bundle)
        #expect(follower.current == nil)
    }
}
