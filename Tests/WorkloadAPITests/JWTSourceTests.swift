import FoundationEssentials
import GRPCCore
import Logging
import Rotation
import SPIFFE
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("JWTSource", .timeLimit(.minutes(1)))
struct JWTSourceTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority
    let time = ManualInstants()

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    private func makeSource(reporting levels: Watched<[Logger.Level]> = Watched([])) throws -> JWTSource {
        JWTSource(
            client: try self.api.client(instants: self.time.instants),
            logger: Logger(label: "test", factory: { _ in RecordingLogHandler(levels: levels) }),
            instants: self.time.instants)
    }

    /// The next call is answered with a token of five minutes for whoever is asked for.
    private func grant(_ count: Int = 1) {
        for _ in 1...count {
            self.api.jwtSVID { [authority] request in
                let id = request.spiffeID.isEmpty ? Self.web : request.spiffeID
                return .with([try authority.jwtMessage(id, audience: request.audience)])
            }
        }
    }

    @Test("a token is fetched once for the first half of its life")
    func cached() async throws {
        self.grant(2)
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            let first = try await source.token(for: ["db"])
            self.time.advance(by: .seconds(149))
            #expect(try await source.token(for: ["db"]).token == first.token)
            #expect(self.api.calls.count == 1)
            self.time.advance(by: .seconds(1))
            #expect(try await source.token(for: ["db"]).token != first.token)
            #expect(self.api.calls.count == 2)
        }
    }

    @Test("WAPI-35: a token for another audience, or another identity, is not taken from the cache")
    func otherAudience() async throws {
        self.grant(3)
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            #expect(try await source.token(for: ["db"]).audience == ["db"])
            #expect(try await source.token(for: ["db", "cache"]).audience == ["cache", "db"])
            let other = id("spiffe://example.org/other")
            #expect(try await source.token(for: ["db"], selection: .spiffeID(other)).id == other)
            #expect(try await source.token(for: ["cache", "db"]).audience == ["cache", "db"])
        }
        #expect(self.api.calls.count == 3)
    }

    @Test("of several tokens the one with the hint is taken, and none in its place")
    func hint() async throws {
        for _ in 1...2 {
            self.api.jwtSVID { [authority] request in
                .with([
                    try authority.jwtMessage(Self.web, audience: request.audience),
                    try authority.jwtMessage("spiffe://example.org/2", audience: request.audience, hint: "b"),
                ])
            }
        }
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            #expect(try await source.token(for: ["db"], selection: .hint("b")).id.path == "/2")
            await #expect(throws: WorkloadAPIError.noSuchSVID(.hint("c"))) {
                try await source.token(for: ["db"], selection: .hint("c"))
            }
        }
    }

    @Test("while the Workload API is away a token serves until it expires")
    func away() async throws {
        self.grant()
        let source = try self.makeSource()
        let first = try await self.api.serve { try await source.token(for: ["db"]) }
        self.time.advance(by: .seconds(299))
        #expect(try await source.token(for: ["db"]).token == first.token)
        self.time.advance(by: .seconds(1))
        do {
            _ = try await source.token(for: ["db"])
            Issue.record("an expired token was handed out")
        } catch WorkloadAPIError.unavailable {}
    }

    @Test("JWT-12: a source has no token for nobody")
    func noAudience() async throws {
        self.api.jwtSVID { [authority] _ in .with([try authority.jwtMessage(Self.web, audience: ["db"])]) }
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            await #expect(throws: WorkloadAPIError.invalidArgument("an audience is missing or empty")) {
                try await source.token(for: [])
            }
            let refused = await #expect(throws: WorkloadAPIError.self) { try await source.validate("a", audience: "") }
            // Nobody was asked.
            #expect(refused?.description == "the request is refused: an audience is missing or empty")
        }
        #expect(self.api.calls.isEmpty)
    }

    @Test(
        "WAPI-16: while the Workload API answers with rubbish, or fails, the last token serves until it expires",
        arguments: [false, true])
    func rubbish(_ fails: Bool) async throws {
        self.grant()
        for _ in 1...2 {
            self.api.jwtSVID { _ in
                if fails { throw RPCError(code: .internalError, message: "no") }
                return .with([])
            }
        }
        let error: WorkloadAPIError =
            fails ? .failed(status: 13, message: "no") : .invalidMessage(.missing(field: "svids"))
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            let first = try await source.token(for: ["db"])
            self.time.advance(by: .seconds(299))
            #expect(try await source.token(for: ["db"]).token == first.token)
            self.time.advance(by: .seconds(1))
            await #expect(throws: error) { try await source.token(for: ["db"]) }
        }
        #expect(self.api.calls.count == 3)
    }

    /// The next calls are answered with tokens of an hour; for `db` with one of five minutes, or, in these seconds,
    /// with a failure.
    private func serve(_ count: Int, failing seconds: Range<Double>) {
        for _ in 1...count {
            self.api.jwtSVID { [authority, time] request in
                let isOther = request.audience != ["db"]
                if !isOther, seconds.contains(time.now.timeIntervalSince(authority.now)) {
                    throw RPCError(code: .internalError, message: "no")
                }
                let lifetime = Duration.seconds(isOther ? 3_600 : 300)
                return .with([try authority.jwtMessage(Self.web, audience: request.audience, lifetime: lifetime)])
            }
        }
    }

    @Test("one audience that fails while others are served is said once, and its recovery once")
    func partialFailure() async throws {
        self.serve(9, failing: 150..<153)
        let levels = Watched<[Logger.Level]>([])
        let source = try self.makeSource(reporting: levels)
        try await self.api.serve { () async throws in
            _ = try await source.token(for: ["db"])
            self.time.advance(by: .seconds(150))
            for audience in ["a", "b", "c"] {
                _ = try await source.token(for: ["db"])
                _ = try await source.token(for: [audience])
                self.time.advance(by: .seconds(1))
            }
            #expect(levels.current == [.warning, .debug, .debug])
            _ = try await source.token(for: ["db"])
            _ = try await source.token(for: ["d"])
            #expect(levels.current == [.warning, .debug, .debug, .info])
        }
    }

    @Test("an audience that nobody asks for any more is no failure after its token has expired")
    func forgottenFailure() async throws {
        self.serve(4, failing: 299..<301)
        let levels = Watched<[Logger.Level]>([])
        let source = try self.makeSource(reporting: levels)
        try await self.api.serve { () async throws in
            _ = try await source.token(for: ["db"])
            self.time.advance(by: .seconds(299))
            _ = try await source.token(for: ["db"])
            _ = try await source.token(for: ["a"])
            #expect(levels.current == [.warning])
            self.time.advance(by: .seconds(1))
            _ = try await source.token(for: ["b"])
            #expect(levels.current == [.warning, .info])
        }
    }

    @Test("WAPI-29: when the Workload API withdraws the identity, its tokens are withdrawn with it")
    func withdrawnIdentity() async throws {
        let gate = Gate()
        self.api.jwtBundles(
            .send(.with(["spiffe://example.org": self.authority.keySetData])), .wait(gate),
            .fail(.permissionDenied, "gone"))
        self.grant()
        self.api.jwtSVID { _ in throw RPCError(code: .permissionDenied, message: "no") }
        let source = try self.makeSource()
        try await self.following(source) {
            try await source.waitUntilReady()
            _ = try await source.token(for: ["db"])
            gate.open()
            // Denied, the source waits to ask again.
            try await self.time.waitForSleepers(1)
            await #expect(throws: WorkloadAPIError.permissionDenied("no")) { try await source.token(for: ["db"]) }
        }
    }

    @Test("WAPI-29: a token that was asked for before the identity was withdrawn is not kept after")
    func withdrawnMeanwhile() async throws {
        let denial = Gate()
        let answer = Gate()
        self.api.jwtBundles(
            .send(.with(["spiffe://example.org": self.authority.keySetData])), .wait(denial),
            .fail(.permissionDenied, "gone"))
        self.api.jwtSVID { [authority] request in
            try await answer.wait()
            return .with([try authority.jwtMessage(Self.web, audience: request.audience)])
        }
        self.api.jwtSVID { _ in throw RPCError(code: .permissionDenied, message: "no") }
        let source = try self.makeSource()
        try await self.following(source) {
            try await source.waitUntilReady()
            async let token = source.token(for: ["db"])
            try await self.api.waitForCalls(2)
            denial.open()
            try await self.time.waitForSleepers(1)
            answer.open()
            #expect(try await token.id == id(Self.web))
            await #expect(throws: WorkloadAPIError.permissionDenied("no")) { try await source.token(for: ["db"]) }
        }
    }

    @Test("WAPI-29: a token that is denied is withdrawn, its last one dropped")
    func denied() async throws {
        self.grant()
        self.api.jwtSVID { _ in throw RPCError(code: .permissionDenied, message: "no") }
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            _ = try await source.token(for: ["db"])
            self.time.advance(by: .seconds(150))
            await #expect(throws: WorkloadAPIError.permissionDenied("no")) { try await source.token(for: ["db"]) }
        }
        // Nothing is left to serve with the Workload API away.
        do {
            _ = try await source.token(for: ["db"])
            Issue.record("a withdrawn token was handed out")
        } catch WorkloadAPIError.unavailable {}
    }

    @Test("who asks for the same token at the same time shares one call")
    func singleFlight() async throws {
        let gate = Gate()
        self.api.jwtSVID { [authority] request in
            try await gate.wait()
            return .with([try authority.jwtMessage(Self.web, audience: request.audience)])
        }
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 1...10 { group.addTask { try await source.token(for: ["db"]).token } }
                try await self.api.waitForCalls(1)
                gate.open()
                let tokens = try await group.reduce(into: Set<String>()) { $0.insert($1) }
                #expect(tokens.count == 1)
            }
        }
        #expect(self.api.calls.count == 1)
    }

    @Test("WAPI-53: a caller's token is validated locally with the bundle of its subject's trust domain")
    func local() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        self.api.jwtBundles(.send(.with(["spiffe://example.org": self.authority.keySetData])), .hold)
        let source = try self.makeSource()
        try await self.following(source) {
            try await source.waitUntilReady()
            let token = try self.authority.jwt(sub: Self.web, aud: ["db"])
            #expect(try source.validateLocally(token, audience: "db").id == id(Self.web))
            #expect(throws: JWTSVIDError.self) { try source.validateLocally(token, audience: "cache") }
            let stranger = try foreign.jwt(sub: "spiffe://foreign.test/web", aud: ["db"])
            #expect(throws: JWTSVIDError.unknownTrustDomain(foreign.trustDomain)) {
                try source.validateLocally(stranger, audience: "db")
            }
            self.time.advance(by: .seconds(300))
            #expect(throws: JWTSVIDError.expired(Date(timeIntervalSince1970: 1_800_000_300))) {
                try source.validateLocally(token, audience: "db")
            }
        }
    }

    @Test("without bundles nothing is validated locally")
    func noBundles() throws {
        let source = try self.makeSource()
        #expect(throws: WorkloadAPIError.notReady) { try source.validateLocally("a.b.c", audience: "db") }
    }

    @Test("WAPI-47: a bundle that is left out of a message validates nothing any more")
    func withdrawnBundle() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let gate = Gate()
        self.api.jwtBundles(
            .send(
                .with([
                    "spiffe://example.org": self.authority.keySetData, "spiffe://foreign.test": foreign.keySetData,
                ])), .wait(gate), .send(.with(["spiffe://example.org": self.authority.keySetData])),
            .fail(.permissionDenied, "done"))
        let source = try self.makeSource()
        let token = try foreign.jwt(sub: "spiffe://foreign.test/web", aud: ["db"])
        try await self.following(source) {
            try await source.waitUntilReady()
            #expect(try source.validateLocally(token, audience: "db").id == id("spiffe://foreign.test/web"))
            gate.open()
            // WAPI-46: denied, the source waits to ask again.
            try await self.time.waitForSleepers(1)
            #expect(throws: WorkloadAPIError.permissionDenied("done")) { try source.bundles() }
        }
    }

    @Test("WAPI-52: validation by the Workload API is what validate does")
    func remote() async throws {
        self.api.validation { _ in .valid(Self.web) }
        let source = try self.makeSource()
        let validated = try await self.api.serve { try await source.validate("a.b.c", audience: "db") }
        #expect(validated.id == id(Self.web))
        #expect(self.api.calls.map(\.path) == ["/SpiffeWorkloadAPI/ValidateJWTSVID"])
    }

    private func following(_ source: JWTSource, _ body: () async throws -> Void) async throws {
        try await self.api.serve { () async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await source.run() }
                try await body()
                group.cancelAll()
            }
        }
    }
}
