import FoundationEssentials
import GRPCCore
import IdentityAgent
import JOSE
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("FetchJWTSVID", .timeLimit(.minutes(1)))
struct JWTSVIDTests {
    private static func request(_ audience: String..., id: String = "") -> JWTSVIDRequest {
        .with {
            $0.audience = audience
            $0.spiffeID = id
        }
    }

    @Test("WAPI-35: the audiences of the request become those of the token")
    func audience() async throws {
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/a", hint: "h")] }
        ) { agent, plane async throws in
            let response = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("a", "b"))
            let message = try #require(response.svids.first)
            #expect(message.spiffeID == "spiffe://example.org/a")
            #expect(message.hint == "h")
            let svid = try SPIFFE.JWTSVID.validate(
                message.svid, audience: "b", bundles: TrustBundles([plane.authority.bundle]), now: Date())
            #expect(svid.audience == ["a", "b"])
        }
    }

    @Test("WAPI-37, WAPI-39: without a SPIFFE ID there is a token for every identity, hints are unique")
    func allIdentities() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a", hint: "x"), .entry("b", "/b", hint: "x"), .entry("c", "/c")]
        }) { agent, _ async throws in
            let response = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("a"))
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/a", "spiffe://example.org/c"])
        }
    }

    @Test("WAPI-36: a SPIFFE ID narrows the answer to one identity")
    func narrowed() async throws {
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/a"), .entry("b", "/b")] }
        ) { agent, _ async throws in
            let response = try await agent.call(
                WorkloadAPIMethods.fetchJWTSVID, Self.request("a", id: "spiffe://example.org/b"))
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/b"])
        }
    }

    @Test(
        "WAPI-15, WAPI-36: requests that lack an audience, or with a malformed SPIFFE ID, are INVALID_ARGUMENT",
        arguments: [
            (request(), "audience must be specified"), (request(""), "audience must be specified"),
            (
                request("a", id: "http://example.org/a"),
                "invalid requested SPIFFE ID: it does not begin with spiffe://"
            ),
        ])
    func malformed(request: JWTSVIDRequest, message: String) async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.call(WorkloadAPIMethods.fetchJWTSVID, request)
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message == message)
            #expect(plane.count("NewJWTSVID") == 0)
        }
    }

    @Test("WAPI-41: without identity, or with another's SPIFFE ID, the answer is PERMISSION_DENIED")
    func denied() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a"), .entry("b", "/b", selectors: ["uid:54321"])]
        }) { agent, plane async throws in
            let other = await #expect(throws: RPCError.self) {
                try await agent.call(
                    WorkloadAPIMethods.fetchJWTSVID, Self.request("a", id: "spiffe://example.org/b"))
            }
            #expect(other?.code == .permissionDenied)
            plane.remove("a")
            while true {
                do {
                    _ = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("a"))
                } catch let error as RPCError {
                    // The server knows of the removal before the agent does.
                    if error.code == .unavailable { continue }
                    #expect(error.code == .permissionDenied)
                    return
                }
            }
        }
    }

    @Test("a token is kept until half of its life, whatever the order of the audiences")
    func cached() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.entries = [.entry("a", "/a")] }
        ) { agent, plane async throws in
            let first = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x", "y"))
            time.advance(by: .milliseconds(149_999))
            #expect(try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("y", "x")) == first)
            #expect(plane.count("NewJWTSVID") == 1)
            time.advance(by: .milliseconds(1))
            #expect(try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x", "y")) != first)
            #expect(plane.count("NewJWTSVID") == 2)
        }
    }

    @Test("WAPI-35: another set of audiences is another token")
    func otherAudience() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            _ = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            _ = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x", "y"))
            #expect(plane.calls.values.filter { $0.method == "NewJWTSVID" }.map(\.detail) == ["x", "x,y"])
        }
    }

    @Test("however many ask for the same token at once, the server is asked once")
    func singleFlight() async throws {
        try await withServingAgent(script: {
            $0.entries = [.entry("a", "/a")]
            $0.holdsTokens = true
        }) { agent, plane async throws in
            try await withThrowingTaskGroup(of: JWTSVIDResponse.self) { group in
                for _ in 1...20 {
                    group.addTask { try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x")) }
                }
                await plane.waitForCalls("NewJWTSVID", 1)
                plane.script { $0.holdsTokens = false }
                var responses: [JWTSVIDResponse] = []
                for try await response in group { responses.append(response) }
                #expect(responses.count == 20)
                #expect(responses.allSatisfy { $0 == responses[0] })
                #expect(plane.count("NewJWTSVID") == 1)
            }
        }
    }

    @Test("while the server is away a kept token is good until it expires")
    func serverAway() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.entries = [.entry("a", "/a")] }
        ) { agent, plane async throws in
            let first = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            plane.script { $0.isAway = true }
            time.advance(by: .seconds(299))
            #expect(try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x")) == first)
            time.advance(by: .seconds(1))
            let error = await #expect(throws: RPCError.self) {
                try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "could not fetch JWT-SVID: away")
        }
    }

    @Test(
        "a held token is served until it expires whatever the server fails with",
        arguments: [RPCError.Code.internalError, .unknown, .dataLoss, .unimplemented])
    func failingServer(code: RPCError.Code) async throws {
        try await self.renewal(failingWith: code) { first, second in
            let served = try second.get()
            #expect(served == first)
        }
    }

    @Test(
        "a held token is given up when the server says that the entry gets none",
        arguments: [RPCError.Code.notFound, .permissionDenied])
    func refused(code: RPCError.Code) async throws {
        try await self.renewal(failingWith: code) { _, second in
            guard case .success = second else { return }
            Issue.record("the token was served")
        }
    }

    /// Fetches a token, and again twice past half of its life while the server fails.
    private func renewal(
        failingWith code: RPCError.Code,
        _ check: @escaping @Sendable (JWTSVIDResponse, Result<JWTSVIDResponse, RPCError>) throws -> Void
    ) async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.entries = [.entry("a", "/a")] }
        ) { agent, plane async throws in
            let first = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            time.advance(by: .seconds(200))
            plane.script { $0.tokenError = code }
            for _ in 1...2 {
                do {
                    try check(first, .success(try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))))
                } catch let error as RPCError {
                    try check(first, .failure(error))
                }
            }
            #expect(plane.count("NewJWTSVID") == 3)
        }
    }

    @Test("an entry with jti gets a token of its own at every call")
    func jti() async throws {
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/a", includesJTI: true)] }
        ) { agent, plane async throws in
            let first = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            let second = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            #expect(first != second)
            #expect(plane.count("NewJWTSVID") == 2)
        }
    }

    @Test("a changed entry gets a new token")
    func revision() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            _ = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x"))
            plane.register(.entry("a", "/renamed", revision: 1))
            while try await agent.call(WorkloadAPIMethods.fetchJWTSVID, Self.request("x")).svids[0].spiffeID
                != "spiffe://example.org/renamed"
            {}
            #expect(plane.count("NewJWTSVID") == 2)
        }
    }
}
