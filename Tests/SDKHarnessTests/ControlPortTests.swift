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

    private func port(_ api: TestWorkloadAPI, _ identity: X509Source, _ tokens: JWTSource) -> ControlPort {
        let tls = SPIFFETLSContexts(source: identity, policy: .predicate { _ in true })
        return ControlPort(client: api.client, tokens: tokens, dialer: Dialer(tls: tls))
    }

    @Test("validates a token that comes before the JWT bundles do")
    func earlyToken() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/harness")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                let tokens = JWTSource(client: api.client, logger: Self.quiet, instants: ca.time.instants)
                let port = self.port(api, identity, tokens)
                let token = try ca.jwtSVID("/caller", audience: ["reports"])
                let request = self.post("/v1/jwt/validate", ["token": .string(token), "audience": "reports"])
                async let answer = port.answer(to: request)
                try await ca.time.waitForSleepers()
                let following = Task { try await tokens.run() }
                defer { following.cancel() }
                guard case .ok(let members) = await answer else {
                    Issue.record("refused")
                    return
                }
                #expect(members["spiffe_id"]?.string == "spiffe://example.org/caller")
            }
        }
    }

    @Test("says why the bundles do not come")
    func noBundles() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/harness")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                let port = self.port(
                    api, identity, JWTSource(client: api.client, logger: Self.quiet, instants: ca.time.instants))
                let request = self.post("/v1/jwt/validate", ["token": "e30.e30.e30", "audience": "reports"])
                async let answer = port.answer(to: request)
                try await ca.time.waitForSleepers()
                ca.time.advance(by: .seconds(10))
                guard case .failed(let reason) = await answer else {
                    Issue.record("no failure")
                    return
                }
                #expect(reason.hasPrefix("workload_api.timed_out: "))
            }
        }
    }

    @Test("dials nobody with an identity that was withdrawn, and says so")
    func withdrawnIdentity() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/harness")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                let port = self.port(
                    api, identity, JWTSource(client: api.client, logger: Self.quiet, instants: ca.time.instants))
                api.deny("gone")
                for await state in identity.updates() { if case .failure = state { break } }
                let answer = await port.answer(to: self.post("/v1/x509/dial", ["address": "127.0.0.1:1"]))
                guard case .rejected(let reason) = answer else {
                    Issue.record("\(answer)")
                    return
                }
                #expect(reason.hasPrefix("workload_api.permission_denied: "))
            }
        }
    }

    @Test("a SPIFFE ID that is null means what an empty one does, or none")
    func nullSPIFFEID() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant("/harness")
            try await withX509Source(client: api.client, logger: Self.quiet) { identity async throws in
                let port = self.port(
                    api, identity, JWTSource(client: api.client, logger: Self.quiet, instants: ca.time.instants))
                let audience: JSONValue = .array(["reports"])
                for request: JSONObject in [
                    ["audience": audience, "spiffe_id": .null], ["audience": audience, "spiffe_id": ""],
                    ["audience": audience],
                ] {
                    guard case .ok = await port.answer(to: self.post("/v1/jwt/fetch", request)) else {
                        Issue.record("refused \(request)")
                        continue
                    }
                }
            }
        }
    }
}
