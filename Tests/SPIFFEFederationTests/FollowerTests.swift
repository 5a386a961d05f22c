import FoundationEssentials
import Logging
import Rotation
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

    @Test("a bundle of another trust domain is none to begin with")
    func foreignInitial() async throws {
        let follower = self.follower(try self.fixtures.webEndpoint(1), initial: self.fixtures.web.bundle)
        #expect(follower.current == nil)
    }

    @Test("FED-14: beside another bundle the fetched one judges its own trust domain, and neither judges for the other")
    func neverMerged() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(f.webIdentity())
        server.answer("/b", body: f.foreign.bundle.document())
        let follower = self.follower(try f.webEndpoint(server.port))
        await follower.refresh()
        let bundles = TrustBundles([f.web.bundle, try #require(follower.current)])
        func judged(_ authority: TestAuthority, _ id: String) throws -> SPIFFEID {
            try VerifiedX509SVID.validate(authority.chain(id: id), bundles: bundles, now: Date()).id
        }
        func judgedToken(_ authority: TestAuthority, _ id: String) throws -> SPIFFEID {
            try JWTSVID.validate(
                authority.jwt(sub: id, aud: ["a"], removing: ["kid"]), audience: "a", bundles: bundles, now: Date()
            ).id
        }
        for (own, other) in [(f.foreign, f.web), (f.web, f.foreign)] {
            let id = "\(own.trustDomain.id.uri)/x"
            #expect(try judged(own, id).uri == id)
            #expect(try judgedToken(own, id).uri == id)
            #expect(throws: X509SVIDError.noTrustedIssuer(position: 0)) { try judged(other, id) }
            #expect(throws: JWTSVIDError.noMatchingAuthority(own.trustDomain)) { try judgedToken(other, id) }
        }
        try await server.stop()
    }

    @Test("FED-18: the trust domain is the configured one, whatever host, path and SPIFFE ID the endpoint has")
    func configured() async throws {
        let f = self.fixtures
        let server = try await ScriptedEndpoint.start(
            f.spiffeIdentity(of: f.web, id: "spiffe://web.test/foreign.test"))
        server.answer("/web.test", body: f.foreign.bundle.document())
        let endpoint = BundleEndpoint(
            trustDomain: f.trustDomain, url: try BundleEndpointURL("https://localhost:\(server.port)/web.test"),
            profile: .httpsSPIFFE(endpointID: try SPIFFEID(parsing: "spiffe://web.test/foreign.test")))
        let bundles = TrustBundles([f.web.bundle])
        let follower = self.follower(endpoint, serverBundles: { bundles })
        await follower.refresh()
        #expect(follower.current == f.foreign.bundle)
        // The same server is not proved by the other profile, which its URL would allow.
        let other = self.follower(try f.webEndpoint(server.port, target: "/web.test"))
        await other.refresh()
        #expect(other.current == nil)
        try await server.stop()
    }

    @Test("FED-67: a relation that is ended has no bundle, here or stored, and its endpoint is asked no more")
    func ended() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        server.answer("/b", body: self.bundle(1).document())
        let forgotten = Recorded<TrustDomain>()
        let follower = BundleFollower(
            endpoint: try self.fixtures.webEndpoint(server.port), initial: nil, client: self.fixtures.client(),
            instants: self.time.instants, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            forget: { forgotten.append($0) })
        try await withThrowingTaskGroup { group in
            group.addTask { try await follower.run() }
            try await self.time.waitForSleepers(1)
            #expect(follower.current == self.bundle(1))
            var updates = follower.updates().makeAsyncIterator()
            #expect(await updates.next(isolation: #isolation) == .some(self.bundle(1)))
            await follower.endRelation()
            #expect(await updates.next(isolation: #isolation) == .some(nil))
            // It has ended by itself, before its next fetch.
            try await group.waitForAll()
        }
        #expect(follower.current == nil)
        #expect(forgotten.values == [self.fixtures.trustDomain])
        await follower.refresh()
        try await follower.run()
        #expect(follower.current == nil)
        #expect(server.requests.values.count == 1)
        try await server.stop()
    }

    @Test("FED-67: a bundle that is being stored when the relation ends is not in force, and does not stay stored")
    func endedMeanwhile() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        server.answer("/b", body: self.bundle(1).document())
        let (stored, isStoring, mayStore) = (Watched<TrustBundle?>(nil), Watched(false), Watched(false))
        let follower = BundleFollower(
            endpoint: try self.fixtures.webEndpoint(server.port), initial: nil, client: self.fixtures.client(),
            instants: self.time.instants, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            store: { bundle in
                isStoring.publish(true)
                for await mayStore in mayStore.updates() where mayStore { break }
                // Long enough for whatever else the end of the relation sets going.
                for _ in 0..<1_000 { await Task.yield() }
                stored.publish(bundle)
            },
            forget: { _ in
                try Task.checkCancellation()
                stored.publish(nil)
            })
        try await withThrowingTaskGroup { group in
            group.addTask { try await follower.run() }
            for await isStoring in isStoring.updates() where isStoring { break }
            await follower.endRelation()
            #expect(stored.current == nil)
            mayStore.publish(true)
            try await group.waitForAll()
        }
        #expect(follower.current == nil)
        #expect(stored.current == nil)
        try await server.stop()
    }

    @Test("a stored bundle of an ended relation that cannot be deleted is logged, also one stored after the end")
    func notForgotten() async throws {
        let server = try await ScriptedEndpoint.start(self.fixtures.webIdentity())
        server.answer("/b", body: self.bundle(1).document())
        let (log, isStoring, mayStore) = (Recorded<String>(), Watched(false), Watched(false))
        let follower = BundleFollower(
            endpoint: try self.fixtures.webEndpoint(server.port), initial: nil, client: self.fixtures.client(),
            instants: self.time.instants, logger: Logger(label: "test") { _ in RecordedErrors(messages: log) },
            store: { _ in
                isStoring.publish(true)
                for await mayStore in mayStore.updates() where mayStore { break }
            },
            forget: { _ in throw CancellationError() })
        async let fetched: Void = follower.refresh()
        for await isStoring in isStoring.updates() where isStoring { break }
        await follower.endRelation()
        mayStore.publish(true)
        await fetched
        let message = "the stored trust bundle of a relation that has ended could not be deleted"
        #expect(log.values == [message, message])
        try await server.stop()
    }
}

/// Keeps the messages of errors.
private struct RecordedErrors: LogHandler {
    let messages: Recorded<String>
    var logLevel = Logger.Level.error
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        self.messages.append("\(event.message)")
    }
}
