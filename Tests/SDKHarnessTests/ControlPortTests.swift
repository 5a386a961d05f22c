import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import SPIFFE
import SPIFFETLS
import SPIFFETesting
import Testing
import WorkloadAPI
import signet_sdk_harness

@Suite("The control port of the harness", .timeLimit(.minutes(1)))
struct ControlPortTests {
    private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func post(_ path: String, _ members: JSONObject) -> Request {
        Request(
            head: HTTPRequest(method: .post, scheme: "http", authority: nil, path: path),
            body: RequestBody(buffer: ByteBuffer(bytes: JSON.serialize(.object(members)))))
    }

    /// A harness that has its identity, and the parts that tests play with.
    private struct Harness: Sendable {
        let ca: TestCA
        let api: TestWorkloadAPI
        let identity: X509Source
        let tokens: JWTSource
        let port: ControlPort
    }

    private func withHarness(_ body: @Sendable (Harness) async throws -> Void) async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/harness")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                let tokens = JWTSource(client: api.client, logger: Self.quiet, instants: ca.time.instants)
                let tls = SPIFFETLSContexts(source: identity, policy: .predicate { _ in true })
                let port = ControlPort(client: api.client, tokens: tokens, dialer: Dialer(tls: tls))
                try await body(Harness(ca: ca, api: api, identity: identity, tokens: tokens, port: port))
            }
        }
    }

    private func expectCaller(_ answer: ControlAnswer) {
        guard case .ok(let members) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(members["spiffe_id"]?.string == "spiffe://example.org/caller")
    }

    @Test("validates a token that comes before the JWT bundles do")
    func earlyToken() async throws {
        try await self.withHarness { harness async throws in
            let token = try harness.ca.jwtSVID("/caller", audience: ["reports"])
            let request = self.post("/v1/jwt/validate", ["token": .string(token), "audience": "reports"])
            async let answer = harness.port.answer(to: request)
            try await harness.ca.time.waitForSleepers()
            let following = Task { try await harness.tokens.run() }
            defer { following.cancel() }
            self.expectCaller(await answer)
        }
    }

    @Test("validates a token that comes before the JWT bundles do, also where they were asked for in vain")
    func earlyTokenAfterFailure() async throws {
        try await self.withHarness { harness async throws in
            let token = try harness.ca.jwtSVID("/caller", audience: ["reports"])
            let request = self.post("/v1/jwt/validate", ["token": .string(token), "audience": "reports"])
            harness.api.interrupt()
            let following = Task { try await harness.tokens.run() }
            defer { following.cancel() }
            for await state in harness.tokens.bundleUpdates() { if case .failure(.unavailable) = state { break } }
            async let answer = harness.port.answer(to: request)
            // The streams of identities and of bundles wait to ask again, and the port waits for the bundles.
            try await harness.ca.time.waitForSleepers(3)
            try harness.api.grant("/harness")
            harness.ca.time.advance(by: .seconds(5))
            self.expectCaller(await answer)
        }
    }

    @Test("does not wait for the bundles of a process that has no identity")
    func deniedBundles() async throws {
        try await self.withHarness { harness async throws in
            harness.api.deny("gone")
            let following = Task { try await harness.tokens.run() }
            defer { following.cancel() }
            for await state in harness.tokens.bundleUpdates() { if case .failure(.permissionDenied) = state { break } }
            let request = self.post("/v1/jwt/validate", ["token": "e30.e30.e30", "audience": "reports"])
            guard case .rejected(let reason) = await harness.port.answer(to: request) else {
                Issue.record("not rejected")
                return
            }
            #expect(reason.hasPrefix("workload_api.permission_denied: "))
        }
    }

    @Test("says why the bundles do not come")
    func noBundles() async throws {
        try await self.withHarness { harness async throws in
            let request = self.post("/v1/jwt/validate", ["token": "e30.e30.e30", "audience": "reports"])
            async let answer = harness.port.answer(to: request)
            try await harness.ca.time.waitForSleepers()
            harness.ca.time.advance(by: .seconds(10))
            guard case .failed(let reason) = await answer else {
                Issue.record("no failure")
                return
            }
            #expect(reason.hasPrefix("workload_api.timed_out: "))
        }
    }

    @Test("dials nobody with an identity that was withdrawn, and says so")
    func withdrawnIdentity() async throws {
        try await self.withHarness { harness async throws in
            harness.api.deny("gone")
            for await state in harness.identity.updates() { if case .failure = state { break } }
            let answer = await harness.port.answer(to: self.post("/v1/x509/dial", ["address": "127.0.0.1:1"]))
            guard case .rejected(let reason) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(reason.hasPrefix("workload_api.permission_denied: "))
        }
    }

    @Test("a SPIFFE ID that is null means what an empty one does, or none")
    func nullSPIFFEID() async throws {
        try await self.withHarness { harness async throws in
            let audience: JSONValue = .array(["reports"])
            for request: JSONObject in [
                ["audience": audience, "spiffe_id": .null], ["audience": audience, "spiffe_id": ""],
                ["audience": audience],
            ] {
                guard case .ok = await harness.port.answer(to: self.post("/v1/jwt/fetch", request)) else {
                    Issue.record("refused \(request)")
                    continue
                }
            }
        }
    }
}
