import FoundationEssentials
import GRPCCore
import Logging
import SPIFFE
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("BundleSource", .timeLimit(.minutes(1)))
struct BundleSourceTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority
    let foreign: TestAuthority
    let time = ManualInstants()

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
        self.foreign = try TestAuthority(trustDomain: "foreign.test")
    }

    private func makeSource() throws -> BundleSource {
        BundleSource(
            client: try self.api.client(instants: self.time.instants),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), instants: self.time.instants)
    }

    private func run(_ source: BundleSource, _ body: () async throws -> Void) async throws {
        try await self.api.serve { () async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await source.run() }
                try await body()
                group.cancelAll()
            }
        }
    }

    private var x509: X509BundlesResponse { .with(["spiffe://example.org": self.authority.bundleData]) }
    private var jwt: JWTBundlesResponse { .with(["spiffe://example.org": self.authority.keySetData]) }

    @Test("WAPI-30, WAPI-42: holds the bundles of each kind apart, and nothing before it has run")
    func bothKinds() async throws {
        self.api.x509Bundles(.send(self.x509), .hold)
        self.api.jwtBundles(.send(self.jwt), .hold)
        let source = try self.makeSource()
        #expect(throws: WorkloadAPIError.notReady) { try source.x509Bundles() }
        #expect(throws: WorkloadAPIError.notReady) { try source.jwtBundles() }
        try await self.run(source) {
            try await source.waitUntilReady()
            let x509 = try #require(try source.x509Bundles()[self.authority.trustDomain])
            #expect(x509.x509Authorities == self.authority.bundle.x509Authorities && x509.jwtAuthorities.isEmpty)
            let jwt = try #require(try source.jwtBundles()[self.authority.trustDomain])
            #expect(jwt.jwtAuthorities == self.authority.bundle.jwtAuthorities && jwt.x509Authorities.isEmpty)
        }
        #expect(self.api.calls.count == 2)
    }

    @Test("WAPI-34: a bundle that is left out of a message is gone, and who follows them is told")
    func withdrawnBundle() async throws {
        let gate = Gate()
        self.api.x509Bundles(
            .send(
                .with([
                    "spiffe://example.org": self.authority.bundleData, "spiffe://foreign.test": self.foreign.bundleData,
                ])), .wait(gate), .send(self.x509), .hold)
        self.api.jwtBundles(.send(self.jwt), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            try await source.waitUntilReady()
            #expect(try source.x509Bundles()[self.foreign.trustDomain] != nil)
            gate.open()
            for await state in source.x509Updates() {
                if case .success(let bundles) = state, bundles[self.foreign.trustDomain] == nil { break }
            }
            #expect(try source.x509Bundles().all.map(\.trustDomain.name) == ["example.org"])
        }
    }

    @Test("WAPI-33, WAPI-46: bundles that are denied are withdrawn, and asked for again after a delay")
    func denied() async throws {
        let gate = Gate()
        self.api.x509Bundles(.send(self.x509), .wait(gate), .fail(.permissionDenied, "no longer"))
        self.api.x509Bundles(.send(self.x509), .hold)
        self.api.jwtBundles(.fail(.permissionDenied, "not yet"))
        self.api.jwtBundles(.send(self.jwt), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            for await state in source.x509Updates() { if case .success = state { break } }
            gate.open()
            try await self.time.waitForSleepers(2)
            #expect(throws: WorkloadAPIError.permissionDenied("no longer")) { try source.x509Bundles() }
            #expect(throws: WorkloadAPIError.permissionDenied("not yet")) { try source.jwtBundles() }
            self.time.advance(by: .seconds(1))
            for await state in source.x509Updates() { if case .success = state { break } }
            for await state in source.jwtUpdates() { if case .success = state { break } }
        }
        #expect(self.api.calls.count == 4)
    }

    @Test("WEP-27: a kind that is not offered is not asked for again, the other is followed alone")
    func oneKind() async throws {
        self.api.x509Bundles(.send(self.x509), .hold)
        self.api.jwtBundles(.fail(.unimplemented, "no JWT here"))
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            try await source.waitUntilReady()
            #expect(try source.x509Bundles().all.count == 1)
            #expect(throws: WorkloadAPIError.unimplemented("no JWT here")) { try source.jwtBundles() }
        }
        #expect(self.api.calls.count == 2)
    }

    @Test("WEP-27: the source ends when neither kind is offered")
    func noKind() async throws {
        self.api.x509Bundles(.fail(.unimplemented, "no X.509"))
        self.api.jwtBundles(.fail(.unimplemented, "no JWT"))
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            await #expect(throws: WorkloadAPIError.unimplemented("no X.509")) { try await source.run() }
        }
        await #expect(throws: WorkloadAPIError.unimplemented("no X.509")) { try await source.waitUntilReady() }
    }

    @Test("waiting ends when the time is up and one kind is missing")
    func deadline() async throws {
        let gate = Gate()
        self.api.x509Bundles(.wait(gate), .send(self.x509), .hold)
        self.api.jwtBundles(.hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            async let waiting = Result { try await source.waitUntilReady(timeout: .seconds(5)) }
            // It waits for each kind until then.
            try await self.time.waitForSleepers(2)
            gate.open()
            for await state in source.x509Updates() { if case .success = state { break } }
            self.time.advance(by: .seconds(5))
            let result = await waiting
            #expect(throws: WorkloadAPIError.timedOut) { try result.get() }
        }
    }
}

@Suite("Sources as scopes", .timeLimit(.minutes(1)))
struct SourceScopeTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test("withX509Source runs its body with an identity that is followed until the body ends")
    func x509() async throws {
        let gate = Gate()
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .wait(gate),
            .send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
        let last = try await self.api.serve { () async throws in
            try await withX509Source(client: try self.api.client(), logger: Self.logger) { source in
                #expect(try source.current().svid.id.path == "/1")
                gate.open()
                for await state in source.updates() {
                    if case .success(let identity) = state, identity.svid.id.path == "/2" { break }
                }
                return try source.current().svid.id.path
            }
        }
        #expect(last == "/2")
    }

    @Test("withX509Source never runs its body without an identity")
    func denied() async throws {
        self.api.x509(.fail(.permissionDenied, "not registered"))
        try await self.api.serve { () async throws in
            await #expect(throws: WorkloadAPIError.permissionDenied("not registered")) {
                try await withX509Source(
                    client: try self.api.client(), timeout: .seconds(2), logger: Self.logger
                ) { _ in Issue.record("there is no identity") }
            }
        }
    }

    @Test("withJWTSource and withBundleSource run their bodies with bundles")
    func others() async throws {
        for _ in 1...2 { self.api.jwtBundles(.send(.with(["spiffe://example.org": self.authority.keySetData])), .hold) }
        self.api.x509Bundles(.send(.with(["spiffe://example.org": self.authority.bundleData])), .hold)
        try await self.api.serve { () async throws in
            let client = try self.api.client()
            try await withJWTSource(client: client, logger: Self.logger) { source async throws in
                #expect(try source.bundles().all.count == 1)
            }
            try await withBundleSource(client: client, logger: Self.logger) { source async throws in
                #expect(try source.x509Bundles().all.count == 1)
                #expect(try source.jwtBundles().all.count == 1)
            }
        }
    }

    @Test("what a body throws is thrown on")
    func thrown() async throws {
        struct Done: Error {}
        self.api.x509(.send(try self.authority.x509Response("spiffe://example.org/1")), .hold)
        try await self.api.serve { () async throws in
            await #expect(throws: Done.self) {
                try await withX509Source(client: try self.api.client(), logger: Self.logger) { _ in throw Done() }
            }
        }
    }
}
