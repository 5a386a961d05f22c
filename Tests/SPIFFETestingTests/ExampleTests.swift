import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import SPIFFETesting
import Testing
import WorkloadAPI

@Suite("SPIFFETesting", .timeLimit(.minutes(1)))
struct ExampleTests {
    @Test("tests a service in ten lines")
    func example() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/payments")
            try await withX509Source(client: api.client) { identity async throws in
                let tls = SPIFFETLSContexts(
                    source: identity, policy: .exactly(try ca.id("/orders")), now: ca.time.clock)
                let caller = Fixed(identity: try ca.x509Identity("/orders"))
                #expect(try await peer(of: tls, calledBy: caller, ca) == ca.id("/payments"))
                let stranger = try await TestCA(trustDomain: "example.org", time: ca.time)
                let impostor = X509Identity(
                    svid: try stranger.x509SVID("/orders"), bundles: TrustBundles([ca.bundle]))
                #expect(try await peer(of: tls, calledBy: Fixed(identity: impostor), ca) == nil)
            }
        }
    }

    @Test("grants, rotates, interrupts and denies")
    func states() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/web", "/other")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                #expect(try identity.context().svids.map(\.id.path) == ["/web", "/other"])
                let first = try identity.current().svid.certificatesDER
                try api.grant("/web")
                for await state in identity.updates() {
                    if case .success(let identity) = state, identity.svid.certificatesDER != first { break }
                }
                api.deny("gone")
                for await state in identity.updates() { if case .failure = state { break } }
                #expect(throws: WorkloadAPIError.permissionDenied("gone")) { try identity.current() }
                // Denied, the source asks again after a second of this time.
                try await ca.time.waitForSleepers()
                try api.grant("/web")
                ca.time.advance(by: .seconds(1))
                for await state in identity.updates() { if case .success = state { break } }
                // While the agent is away the last state stays in force.
                api.interrupt()
                try await ca.time.waitForSleepers()
                #expect(try identity.current().svid.id.path == "/web")
            }
        }
    }

    @Test("an X509-SVID that has expired by its time is not accepted")
    func expiry() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        let expired = try ca.x509SVID("/web", lifetime: .seconds(60))
        ca.time.advance(by: .seconds(61))
        try await withTestWorkloadAPI(ca) { api async throws in
            api.send([expired])
            await #expect(throws: WorkloadAPIError.self) { try await api.client.fetchX509Context() }
        }
    }

    @Test("issues and validates tokens, and gives bundles")
    func tokens() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        let foreign = try await TestCA(trustDomain: "foreign.test", time: ca.time)
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/web", "/other", federated: [foreign.bundle])
            let svids = try await api.client.fetchJWTSVIDs(audience: ["db"])
            #expect(svids.map(\.id.path) == ["/web", "/other"])
            let one = try await api.client.fetchJWTSVIDs(audience: ["db"], spiffeID: ca.id("/other"))
            #expect(one.map(\.id.path) == ["/other"])
            #expect(try await api.client.validateJWTSVID(one[0].token, audience: "db").id == ca.id("/other"))
            await #expect(throws: WorkloadAPIError.self) {
                try await api.client.validateJWTSVID(one[0].token, audience: "cache")
            }
            let token = try foreign.jwtSVID("/web", audience: ["db"])
            try await withBundleSource(client: api.client, logger: Self.quiet) { source async throws in
                let bundles = try source.jwtBundles()
                #expect(
                    try JWTSVID.validate(token, audience: "db", bundles: bundles, now: ca.time.now).id
                        == foreign.id("/web"))
                #expect(try source.x509Bundles().all.map(\.trustDomain) == [ca.trustDomain, foreign.trustDomain])
            }
        }
    }

    @Test("issues WIT-SVIDs, and their bundles")
    func identityTokens() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        let foreign = try await TestCA(trustDomain: "foreign.test", time: ca.time)
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/web", "/other", hints: ["/other": "b"], federated: [foreign.bundle])
            let one = try await api.client.fetchWITSVIDs(spiffeID: ca.id("/other"))
            #expect(one.map(\.id.path) == ["/other"])
            #expect(one.map(\.hint) == ["b"])
            let bundles = try await api.client.fetchWITBundles()
            #expect(bundles.all.map(\.trustDomain) == [ca.trustDomain, foreign.trustDomain])
            try await withWITSource(client: api.client, logger: Self.quiet) { source async throws in
                #expect(try source.current().id == ca.id("/web"))
                let scope = try WorkloadProofScope(target: "https://reports.example.org/a")
                for (svid, id) in try [(source.current(), ca.id("/web")), (foreign.witSVID("/x"), foreign.id("/x"))] {
                    let presentation = try svid.presentation(for: scope, now: ca.time.now)
                    let verified = try VerifiedWITSVID.validate(
                        presentation.identityToken, proof: presentation.proofToken, for: scope,
                        bundles: source.bundles(), now: ca.time.now)
                    #expect(verified.id == id)
                }
            }
        }
    }

    @Test("sends rubbish, and half of a message")
    func rubbish() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        let unreadable = WorkloadAPIError.invalidMessage(.undecodable)
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grantHalf("/web")
            await #expect(throws: unreadable) { try await api.client.fetchX509Context() }
            await #expect(throws: unreadable) { try await api.client.fetchJWTSVIDs(audience: ["db"]) }
            api.send(bytes: Array("HTTP/1.1 400 Bad Request".utf8))
            await #expect(throws: unreadable) { try await api.client.fetchX509Context() }
            await #expect(throws: unreadable) { try await api.client.fetchWITBundles() }
            try api.grant("/web")
            #expect(try await api.client.fetchX509Context().svids.map(\.id.path) == ["/web"])
        }
    }

    @Test("an SVID is selected by its hint")
    func hints() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/web", "/other", hints: ["/other": "b"])
            try await withX509Source(client: api.client, selection: .hint("b"), logger: Self.quiet) {
                identity async throws in
                #expect(try identity.current().svid.id == ca.id("/other"))
            }
        }
    }

    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}

/// An identity that stays.
struct Fixed: X509SVIDSource {
    let identity: X509Identity

    func current() throws -> X509Identity { self.identity }
}

/// Whom a caller finds at a server with these contexts; nil when one of them refuses the other.
func peer(of tls: SPIFFETLSContexts, calledBy caller: Fixed, _ ca: TestCA) async throws -> SPIFFEID? {
    let group = MultiThreadedEventLoopGroup.singleton
    let accepted = group.next().makePromise(of: Bool.self)
    let listener = try await ServerBootstrap(group: group)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers(tls.serverHandlers())
                channel.spiffePeer().map { _ in true }.recover { _ in false }.cascade(to: accepted)
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let contexts = SPIFFETLSContexts(source: caller, policy: .memberOf(ca.trustDomain), now: ca.time.clock)
    let (channel, peer) = try await ClientBootstrap(group: group)
        .connect(host: "127.0.0.1", port: listener.localAddress?.port ?? 0) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers(contexts.clientHandlers())
                return (channel, channel.spiffePeer())
            }
        }
    let id = try? await peer.get()?.id
    let isAccepted = try await accepted.futureResult.get()
    try? await channel.close()
    try await listener.close()
    return isAccepted ? id : nil
}
