import FoundationEssentials
import GRPCCore
import Logging
import Rotation
import SPIFFE
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("X509Source", .timeLimit(.minutes(1)))
struct X509SourceTests {
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority
    let time = ManualInstants()

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    static let web = "spiffe://example.org/web"

    private func makeSource(
        _ selection: SVIDSelection = .first, reporting failures: Watched<[Logger.Level]> = Watched([])
    ) throws -> X509Source {
        X509Source(
            client: try self.api.client(instants: self.time.instants), selection: selection,
            logger: Logger(label: "test", factory: { _ in RecordingLogHandler(levels: failures) }),
            instants: self.time.instants)
    }

    /// Runs the source and the Workload API while `body` runs.
    private func run(_ source: X509Source, _ body: () async throws -> Void) async throws {
        try await self.api.serve { () async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await source.run() }
                try await body()
                group.cancelAll()
            }
        }
    }

    /// Waits until the source is in a state.
    private func wait(
        for source: X509Source, until isExpected: (Result<X509Identity, WorkloadAPIError>) -> Bool
    ) async throws {
        for await state in source.updates() where isExpected(state) { return }
        throw CancellationError()
    }

    private func wait(for source: X509Source, toBe path: String) async throws {
        try await self.wait(for: source) { (try? $0.get())?.svid.id.path == path }
    }

    private func wait(for source: X509Source, toFailWith error: WorkloadAPIError) async throws {
        try await self.wait(for: source) { state in
            if case .failure(error) = state { true } else { false }
        }
    }

    @Test("holds nothing before it has run")
    func notReady() throws {
        let source = try self.makeSource()
        #expect(throws: WorkloadAPIError.notReady) { try source.current() }
        #expect(self.api.calls.isEmpty)
    }

    @Test("WAPI-06: follows one stream, which stays open, and replaces its identity with each message")
    func follows() async throws {
        let (second, third) = (Gate(), Gate())
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .wait(second),
            .send(try self.authority.x509Response("spiffe://example.org/2")), .wait(third),
            .send(try self.authority.x509Response("spiffe://example.org/3")), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            #expect(try await source.waitUntilReady().svid.id.path == "/1")
            second.open()
            try await self.wait(for: source, toBe: "/2")
            third.open()
            try await self.wait(for: source, toBe: "/3")
        }
        #expect(self.api.calls.count == 1)
    }

    @Test("WAPI-12, WAPI-14, WAPI-34: a federated bundle that is left out of a message is gone")
    func withdrawnBundle() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let gate = Gate()
        self.api.x509(
            .send(
                try self.authority.x509Response(
                    "spiffe://example.org/1", federated: ["spiffe://foreign.test": foreign.bundleData])),
            .wait(gate), .send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            #expect(try await source.waitUntilReady().bundles[foreign.trustDomain] != nil)
            gate.open()
            try await self.wait(for: source, toBe: "/2")
            #expect(try source.current().bundles[foreign.trustDomain] == nil)
        }
    }

    @Test("WAPI-13: a hint and revocation lists that a later message leaves empty are gone")
    func emptied() async throws {
        let gate = Gate()
        var first = X509SVIDResponse.with([try self.authority.x509Message("spiffe://example.org/1", hint: "a")])
        first.crl = [Data([1, 2, 3])]
        self.api.x509(
            .send(first), .wait(gate), .send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            #expect(try await source.waitUntilReady().svid.hint == "a")
            #expect(try source.context().revocationListsDER == [[1, 2, 3]])
            gate.open()
            try await self.wait(for: source, toBe: "/2")
            #expect(try source.current().svid.hint == "")
            #expect(try source.context().revocationListsDER.isEmpty)
        }
    }

    @Test("WAPI-14, WAPI-72: an SVID that is left out of a message is not used, and none in its place")
    func withdrawnSVID() async throws {
        let gate = Gate()
        self.api.x509(
            .send(
                .with([
                    try self.authority.x509Message("spiffe://example.org/1"),
                    try self.authority.x509Message("spiffe://example.org/2"),
                ])), .wait(gate), .send(try self.authority.x509Response("spiffe://example.org/1")), .hold)
        let selection = SVIDSelection.spiffeID(id("spiffe://example.org/2"))
        let source = try self.makeSource(selection)
        try await self.run(source) { () async throws in
            #expect(try await source.waitUntilReady().svid.id.path == "/2")
            gate.open()
            try await self.wait(for: source, toFailWith: .noSuchSVID(selection))
            #expect(throws: WorkloadAPIError.noSuchSVID(selection)) { try source.current() }
        }
    }

    @Test("waiting for the selected SVID goes on while there are only others")
    func waitingForSelected() async throws {
        let gate = Gate()
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .wait(gate),
            .send(.with([try self.authority.x509Message("spiffe://example.org/2", hint: "a")])), .hold)
        let source = try self.makeSource(.hint("a"))
        try await self.run(source) { () async throws in
            async let waiting = Result { try await source.waitUntilReady(timeout: .seconds(5)) }
            try await self.time.waitForSleepers(1)
            try await self.wait(for: source, toFailWith: .noSuchSVID(.hint("a")))
            gate.open()
            #expect(try await waiting.get().svid.id.path == "/2")
        }
    }

    @Test("waiting for the selected SVID ends with its absence when the time is up")
    func waitingForAbsent() async throws {
        self.api.x509(.send(try self.authority.x509Response("spiffe://example.org/1")), .hold)
        let source = try self.makeSource(.hint("a"))
        try await self.run(source) { () async throws in
            async let waiting = Result { try await source.waitUntilReady(timeout: .seconds(5)) }
            try await self.time.waitForSleepers(1)
            try await self.wait(for: source, toFailWith: .noSuchSVID(.hint("a")))
            self.time.advance(by: .seconds(5))
            let result = await waiting
            #expect(throws: WorkloadAPIError.noSuchSVID(.hint("a"))) { try result.get() }
        }
    }

    @Test("WAPI-16: a bad message is discarded, the last good state holds and the stream goes on")
    func discarded() async throws {
        let failures = Watched<[Logger.Level]>([])
        let gate = Gate()
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .send(.with([])), .send(.with([])),
            .wait(gate), .send(try self.authority.x509Response("spiffe://example.org/3")), .hold)
        let source = try self.makeSource(reporting: failures)
        try await self.run(source) { () async throws in
            // Once the second is reported, all that comes of the first has come.
            for await levels in failures.updates() where levels.count == 2 { break }
            #expect(try source.current().svid.id.path == "/1")
            gate.open()
            try await self.wait(for: source, toBe: "/3")
        }
        #expect(self.api.calls.count == 1)
    }

    @Test("WAPI-16: a reason is a warning once, and another one is a warning again")
    func reportedOnce() async throws {
        let reports = Watched<[Logger.Level]>([])
        self.api.x509(
            .send(.with([])), .send(.with([])), .send(try X509SVIDResponse.undecodable), .send(.with([])), .hold)
        let source = try self.makeSource(reporting: reports)
        try await self.run(source) { () async throws in
            for await levels in reports.updates() where levels.count == 4 { break }
        }
        #expect(reports.current == [.warning, .debug, .warning, .warning])
    }

    @Test("WAPI-16: what a stream reports of a bad message")
    func reported() async throws {
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .send(.with([])),
            .send(try self.authority.x509Response("spiffe://example.org/3")), .hold)
        let events = Recorded<String>()
        struct Enough: Error {}
        await #expect(throws: Enough.self) {
            try await self.api.serve { () async throws in
                try await self.api.client(instants: self.time.instants).follow(.x509Context) { update in
                    switch update {
                    case .received(let context): events.append(context.svids[0].id.path)
                    case .discarded(let error): events.append(error.label)
                    case .interrupted(let error): events.append("interrupted: \(error.label)")
                    case .withdrawn(let error): events.append("withdrawn: \(error.label)")
                    }
                    if events.values.count == 3 { throw Enough() }
                }
            }
        }
        #expect(events.values == ["/1", "workload_api.invalid_message", "/3"])
    }

    @Test("WAPI-07: when the stream breaks it is opened again at once, and the identity stays in force meanwhile")
    func reconnect() async throws {
        let gate = Gate()
        self.api.x509(.send(try self.authority.x509Response("spiffe://example.org/1")), .fail(.unavailable, "restart"))
        self.api.x509(.wait(gate), .send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            try await self.api.waitForCalls(2)
            #expect(try source.current().svid.id.path == "/1")
            gate.open()
            try await self.wait(for: source, toBe: "/2")
        }
        #expect(self.time.now == Date(timeIntervalSince1970: 1_800_000_000))
        #expect(self.api.calls.count == 2)
    }

    @Test("WAPI-07, WEP-24: an agent that is restarted is found again; until then the identity stays in force")
    func agentRestart() async throws {
        self.api.x509(.send(try self.authority.x509Response("spiffe://example.org/1")), .hold)
        let source = try self.makeSource()
        let serving = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await serving.wait()
                try? await source.run()
            }
            try await self.api.serve { () async throws in
                serving.open()
                try await self.wait(for: source, toBe: "/1")
            }
            // Only now: an attempt at once may still reach the first server, and takes what is scripted.
            self.api.x509(.send(try self.authority.x509Response("spiffe://example.org/2")), .hold)
            // The attempt at once has failed; the source waits.
            try await self.time.waitForSleepers(1)
            #expect(try source.current().svid.id.path == "/1")
            let delay = try #require(self.time.nextDeadline).timeIntervalSince(self.time.now)
            #expect(delay >= 0.8 && delay <= 1)
            try await self.api.serve { () async throws in
                self.time.advance(by: .seconds(1))
                try await self.wait(for: source, toBe: "/2")
            }
            group.cancelAll()
        }
    }

    @Test("WAPI-29: when the identity is denied on an open stream it is withdrawn")
    func withdrawn() async throws {
        let gate = Gate()
        self.api.x509(
            .send(try self.authority.x509Response("spiffe://example.org/1")), .wait(gate),
            .fail(.permissionDenied, "no longer registered"))
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            try await self.wait(for: source, toBe: "/1")
            gate.open()
            try await self.wait(for: source, toFailWith: .permissionDenied("no longer registered"))
            #expect(throws: WorkloadAPIError.permissionDenied("no longer registered")) { try source.current() }
        }
    }

    @Test("WAPI-28, WEP-26: a denied process asks again after growing delays, and gets its identity when it has one")
    func deniedThenGranted() async throws {
        for _ in 1...2 { self.api.x509(.fail(.permissionDenied, "not yet")) }
        self.api.x509(.send(try self.authority.x509Response(Self.web)), .hold)
        var random = SeededRandom(seed: 1)
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            for count in 1...2 {
                try await self.time.waitForSleepers(1)
                #expect(self.api.calls.count == count)
                let delay = backoff.next(using: &random)
                let deadline = try #require(self.time.nextDeadline)
                #expect(abs(deadline.timeIntervalSince(self.time.now) - delay / .seconds(1)) < 0.000_1)
                self.time.advance(to: deadline)
            }
            try await self.wait(for: source, toBe: "/web")
        }
        #expect(self.api.calls.count == 3)
    }

    @Test(
        "WEP-22, WEP-27, WAPI-55: INVALID_ARGUMENT and UNIMPLEMENTED end the source after one call",
        arguments: [
            (.invalidArgument, .invalidArgument("no")), (.unimplemented, .unimplemented("no")),
        ] as [(RPCError.Code, WorkloadAPIError)])
    func notRetried(code: RPCError.Code, error: WorkloadAPIError) async throws {
        self.api.x509(.fail(code, "no"))
        let source = try self.makeSource()
        try await self.api.serve { () async throws in
            await #expect(throws: error) { try await source.run() }
        }
        #expect(throws: error) { try source.current() }
        #expect(self.api.calls.count == 1)
    }

    @Test("waiting for an identity ends with what stands in its way when the time is up")
    func waitingDenied() async throws {
        self.api.x509(.fail(.permissionDenied, "not registered"))
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            async let waiting = Result { try await source.waitUntilReady(timeout: .milliseconds(500)) }
            try await self.time.waitForSleepers(2)
            self.time.advance(by: .milliseconds(500))
            let result = await waiting
            #expect(throws: WorkloadAPIError.permissionDenied("not registered")) { try result.get() }
        }
    }

    @Test("waiting for an identity of a Workload API that is silent times out")
    func waitingSilent() async throws {
        self.api.x509(.hold)
        let source = try self.makeSource()
        try await self.run(source) { () async throws in
            async let waiting = Result { try await source.waitUntilReady(timeout: .seconds(5)) }
            try await self.time.waitForSleepers(1)
            self.time.advance(by: .seconds(5))
            let result = await waiting
            #expect(throws: WorkloadAPIError.timedOut) { try result.get() }
        }
    }

    @Test("ends in order at a graceful shutdown")
    func shutdown() async throws {
        self.api.x509(.send(try self.authority.x509Response(Self.web)), .hold)
        let source = try self.makeSource()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try await self.api.serve { () async throws in
            let group = ServiceGroup(services: [source], logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await source.waitUntilReady()
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous call comes to.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
