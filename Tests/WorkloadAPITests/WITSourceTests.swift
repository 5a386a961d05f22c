import FoundationEssentials
import GRPCCore
import JOSE
import Logging
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPI
import WorkloadAPIProtos

@Suite("WITSource", .timeLimit(.minutes(1)))
struct WITSourceTests {
    private static let web = "spiffe://example.org/web"
    let api: ScriptedWorkloadAPI
    let authority: TestAuthority
    let time = ManualInstants()

    init() throws {
        self.api = try ScriptedWorkloadAPI()
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    private func makeSource(_ selection: SVIDSelection = .first) throws -> WITSource {
        WITSource(
            client: try self.api.client(instants: self.time.instants), selection: selection,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), instants: self.time.instants)
    }

    private func message(
        _ id: String = Self.web, hint: String = "", lifetime: Duration = .seconds(3_600),
        customise: (inout WorkloadAPIProtos.WITSVID) throws -> Void = { _ in }
    ) throws -> WorkloadAPIProtos.WITSVID {
        let (token, key) = try self.authority.witAndKey(id: id, lifetime: lifetime)
        var message = WorkloadAPIProtos.WITSVID()
        message.spiffeID = id
        message.witSvid = token
        message.witSvidKey = key
        message.hint = hint
        try customise(&message)
        return message
    }

    private func bundles() -> WITBundlesResponse {
        .with {
            $0.bundles["spiffe://example.org"] = String(
                decoding: self.authority.bundleWithWIT.witKeySet(), as: UTF8.self)
        }
    }

    /// Runs the source until `body` has ended.
    private func running(
        _ source: WITSource, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await self.api.serve { () async throws in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await source.run()
                    return false
                }
                group.addTask {
                    try await body()
                    return true
                }
                defer { group.cancelAll() }
                while let isEnd = try await group.next(), !isEnd {}
            }
        }
    }

    @Test("what one process presents the other accepts")
    func roundTrip() async throws {
        let message = try self.message()
        self.api.witSVIDs(.send(.with { $0.svids = [message] }), .hold)
        self.api.witBundles(.send(self.bundles()), .hold)
        let source = try self.makeSource()
        try await self.running(source) { () async throws in
            #expect(try await source.waitUntilReady().id.uri == Self.web)
            let scope = try WorkloadProofScope(target: "https://a/b")
            let presentation = try source.presentation(for: scope)
            let verified = try source.validate(
                presentation.identityToken, proof: presentation.proofToken, for: scope)
            #expect(verified.id.uri == Self.web)
            #expect(throws: WITSVIDError.missingProof) {
                try source.validate(presentation.identityToken, proof: nil, for: scope)
            }
        }
    }

    @Test("WAPI-55: where WIT-SVIDs are not served the source ends, and asks no more")
    func unimplemented() async throws {
        self.api.witSVIDs(.fail(.unimplemented, "no"))
        self.api.witBundles(.fail(.unimplemented, "no"))
        let source = try self.makeSource()
        await #expect(throws: WorkloadAPIError.unimplemented("no")) {
            try await self.running(source) { () async throws in
                try await self.time.instants.sleep(for: .seconds(1))
            }
        }
        #expect(self.api.calls.count { $0.path.hasSuffix("/FetchWITSVID") } <= 1)
        #expect(throws: WorkloadAPIError.self) { try source.current() }
    }

    @Test(
        "WAPI-55: when one of its two streams ends for good nothing of the other stays in force",
        arguments: ["svids", "bundles"])
    func oneUnimplemented(_ which: String) async throws {
        let gate = Gate()
        let message = try self.message()
        let end: [Step<WITSVIDResponse>] = [.wait(gate), .fail(.unimplemented, "no")]
        let endOfBundles: [Step<WITBundlesResponse>] = [.wait(gate), .fail(.unimplemented, "no")]
        self.api.witSVIDs([.send(.with { $0.svids = [message] })] + (which == "svids" ? end : [.hold]))
        self.api.witBundles([.send(self.bundles())] + (which == "bundles" ? endOfBundles : [.hold]))
        let source = try self.makeSource()
        await #expect(throws: WorkloadAPIError.unimplemented("no")) {
            try await self.running(source) { () async throws in
                try await source.waitUntilReady()
                gate.open()
                try await Gate().wait()
            }
        }
        #expect(throws: WorkloadAPIError.unimplemented("no")) { try source.current() }
        #expect(throws: WorkloadAPIError.unimplemented("no")) { try source.bundles() }
    }

    @Test("WAPI-57: WIT-SVIDs are asked for by SPIFFE ID, and another's is an error")
    func requestedID() async throws {
        let message = try self.message()
        for _ in 1...2 { self.api.witSVIDs(.send(.with { $0.svids = [message] }), .hold) }
        self.api.witBundles(.send(self.bundles()), .hold)
        try await self.api.serve { () async throws in
            let client = try self.api.client(instants: self.time.instants)
            #expect(try await client.fetchWITSVIDs(spiffeID: id(Self.web)).map(\.id.uri) == [Self.web])
            await #expect(throws: WorkloadAPIError.invalidMessage(.unexpectedSPIFFEID(id(Self.web)))) {
                try await client.fetchWITSVIDs(spiffeID: id("spiffe://example.org/other"))
            }
            #expect(try await client.fetchWITBundles().all.map(\.witAuthorities.count) == [1])
        }
        #expect(self.api.witRequests.map(\.spiffeID) == [Self.web, "spiffe://example.org/other"])
    }

    @Test("WAPI-68: when the Workload API denies the bundles they are not used any more")
    func withdrawnBundles() async throws {
        let gate = Gate()
        let message = try self.message()
        self.api.witSVIDs(.send(.with { $0.svids = [message] }), .hold)
        self.api.witBundles(.send(self.bundles()), .wait(gate), .fail(.permissionDenied, "gone"))
        let source = try self.makeSource()
        try await self.running(source) { () async throws in
            try await source.waitUntilReady()
            let scope = try WorkloadProofScope(target: "https://a/b")
            let presentation = try source.presentation(for: scope)
            gate.open()
            for await result in source.bundleUpdates() {
                if case .failure = result { break }
            }
            #expect(throws: WorkloadAPIError.permissionDenied("gone")) { try source.bundles() }
            #expect(throws: WorkloadAPIError.permissionDenied("gone")) {
                try source.validate(presentation.identityToken, proof: presentation.proofToken, for: scope)
            }
            // The SVIDs are another stream's.
            #expect(try source.current().id.uri == Self.web)
        }
    }

    @Test(
        "WAPI-62, WAPI-67: denied, SVIDs and bundles are asked for again after a while",
        arguments: ["svids", "bundles"])
    func again(_ which: String) async throws {
        let message = try self.message()
        if which == "svids" { self.api.witSVIDs(.fail(.permissionDenied, "not yet")) }
        if which == "bundles" { self.api.witBundles(.fail(.permissionDenied, "not yet")) }
        self.api.witSVIDs(.send(.with { $0.svids = [message] }), .hold)
        self.api.witBundles(.send(self.bundles()), .hold)
        let source = try self.makeSource()
        try await self.running(source) { () async throws in
            try await self.time.waitForSleepers(1)
            #expect(self.api.calls.count <= 2)
            let delay = try #require(self.time.nextDeadline).timeIntervalSince(self.time.now)
            #expect(delay >= 0.8 && delay <= 1)
            self.time.advance(by: .seconds(1))
            for await result in source.updates() { if case .success = result { break } }
            for await result in source.bundleUpdates() { if case .success = result { break } }
        }
        #expect(self.api.calls.count == 3)
    }

    @Test("WAPI-63: when the Workload API denies the identity it is not used any more")
    func withdrawn() async throws {
        let gate = Gate()
        let message = try self.message()
        self.api.witSVIDs(.send(.with { $0.svids = [message] }), .wait(gate), .fail(.permissionDenied, "gone"))
        self.api.witBundles(.send(self.bundles()), .hold)
        let source = try self.makeSource()
        try await self.running(source) { () async throws in
            try await source.waitUntilReady()
            gate.open()
            for await result in source.updates() {
                if case .failure = result { break }
            }
            #expect(throws: WorkloadAPIError.permissionDenied("gone")) { try source.current() }
        }
    }

    @Test("WAPI-60: of two SVIDs with one hint the first counts, and a selection finds its own")
    func hints() async throws {
        let messages = try [
            self.message(hint: "internal"), self.message("spiffe://example.org/b", hint: "external"),
            self.message("spiffe://example.org/c", hint: "internal"),
        ]
        self.api.witSVIDs(.send(.with { $0.svids = messages }), .hold)
        self.api.witBundles(.send(self.bundles()), .hold)
        let source = try self.makeSource(.hint("external"))
        try await self.running(source) { () async throws in
            #expect(try await source.waitUntilReady().id.uri == "spiffe://example.org/b")
        }
    }

    @Test(
        "WAPI-16, WAPI-58, WAPI-69, WAPI-73: a message that is no WIT-SVID is discarded, and the reason is known",
        arguments: 0..<6)
    func faulty(_ fault: Int) async throws {
        let other = try self.authority.witAndKey(id: Self.web).privateKeyJWK
        let message = try self.message(lifetime: fault == 5 ? .zero : .seconds(3_600)) { message in
            switch fault {
            case 5: break
            case 0: message.spiffeID = ""
            case 1: message.witSvidKey = ""
            case 2: message.witSvidKey = other
            case 3: message.spiffeID = "spiffe://example.org/other"
            default: message.witSvid = "garbage"
            }
        }
        let web = id(Self.web)
        let expected: [WorkloadAPIMessageError] = [
            .missing(field: "svids.spiffe_id"), .missing(field: "svids.wit_svid_key"),
            .malformedWITSVID(web, .privateKeyMismatch),
            .spiffeIDMismatch(named: id("spiffe://example.org/other"), proved: web),
            .malformedWITSVID(web, .token(.notCompact)), .malformedWITSVID(web, .expired(self.time.now)),
        ]
        try await self.api.serve { () async throws in
            self.api.witSVIDs(.send(.with { $0.svids = [message] }))
            let failure = Slot()
            await #expect(throws: Stop.self) {
                try await self.api.client(instants: self.time.instants).follow(.witSVIDs) { update in
                    if case .discarded(let error) = update { failure.put(error) }
                    throw Stop()
                }
            }
            #expect(failure.value == .invalidMessage(expected[fault]))
        }
    }

    private struct Stop: Error {}

    /// Where a handler leaves what it got.
    private final class Slot: Sendable {
        private let content = Watched<WorkloadAPIError?>(nil)
        var value: WorkloadAPIError? { self.content.current }
        func put(_ error: WorkloadAPIError) { self.content.publish(error) }
    }
}
