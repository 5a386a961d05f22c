import Audit
import Authority
import ControlPlaneProtos
import Crypto
import FoundationEssentials
import GRPCCore
import Glibc
import JOSE
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import X509

@Suite("what a control plane records", .timeLimit(.minutes(2)))
struct AuditRecordTests {
    private static let local = "uid:\(geteuid())"
    private static let issuer = "https://tokens.example.org"

    /// The records since the test began to look, without how long things took.
    private func events(_ plane: ControlPlaneUnderTest, after count: Int = 0) -> [AuditEvent] {
        plane.audit.events.dropFirst(count).map { event in
            var event = event
            event.latency = nil
            return event
        }
    }

    private func event(
        _ plane: ControlPlaneUnderTest, _ decision: AuditEvent.Decision, _ kind: AuditEvent.Kind, _ route: String,
        by peer: String?, _ complete: (inout AuditEvent) -> Void
    ) -> AuditEvent {
        var event = AuditEvent(time: plane.time.now, decision: decision, kind: kind, route: route, peer: peer)
        complete(&event)
        return event
    }

    @Test("an access token by the agent: issued with what it says, refused with the reason")
    func agentTokens() async throws {
        try await withControlPlane(HarnessSettings(issuer: Self.issuer)) { plane async throws in
            let agent = try await plane.newAgentOfOrders()
            let before = plane.audit.events.count
            let issue = { @Sendable (entry: String, scope: String) in
                try await plane.remote(as: agent) {
                    try await $0.call(
                        AccessTokenMethods.issueAccessToken,
                        .with {
                            $0.entryID = entry
                            $0.audience = "payments"
                            $0.scopes = [scope]
                        }
                    ).accessToken
                }
            }
            let token = try UnverifiedJWT(parsing: try await issue("orders", "payments:create"))
            _ = try await refusal { try await issue("orders", "payments:delete") }
            _ = try await refusal { try await issue("nobody", "payments:create") }
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            let claims = try token.verify(with: key.publicKey)
            let route = AccessTokenMethods.issueAccessToken.path
            let common = self.event(plane, .refused, .accessToken, route, by: agent.id.uri) { $0.issuer = Self.issuer }
            var issued = common
            issued.decision = .issued
            issued.keyID = key.id
            issued.subject = "spiffe://example.org/orders"
            issued.audience = ["spiffe://example.org/payments"]
            issued.scope = "payments:create"
            issued.tokenID = try #require(claims["jti"]?.string)
            issued.expiresAt = plane.time.now.addingTimeInterval(600)
            var notGranted = common
            notGranted.reason = "scopes_not_granted"
            notGranted.subject = "spiffe://example.org/orders"
            notGranted.audience = ["payments"]
            notGranted.scope = "payments:delete"
            var unknown = common
            unknown.issuer = nil
            unknown.reason = "entry_not_found"
            #expect(self.events(plane, after: before) == [issued, notGranted, unknown])
            #expect(plane.audit.events.dropFirst(before).allSatisfy { $0.latency != nil })
        }
    }

    @Test("an access token over OAuth: issued, refused, taken back, joined by its jti")
    func oauthTokens() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let before = plane.audit.events.count
            let reply = try await plane.post(wish, as: orders)
            let text = try #require(reply.members["access_token"]?.string)
            let wrong = try await plane.post(wish.without("scope").and("scope", "payments:delete"), as: orders)
            #expect(wrong.status == 400)
            #expect(try await plane.post(wish, as: nil).status >= 400)
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            let jti = try #require(try UnverifiedJWT(parsing: text).verify(with: key.publicKey)["jti"]?.string)
            _ = try await plane.local { try await $0.call(RevocationMethods.revoke, .with { $0.jti = jti }) }
            let events = self.events(plane, after: before)
            #expect(events.map(\.decision) == [.issued, .refused, .refused, .revoked])
            #expect(
                events.map(\.route) == Array(repeating: "/oauth2/token", count: 3) + [RevocationMethods.revoke.path])
            #expect(events.map(\.peer) == [orders.id.uri, orders.id.uri, nil, Self.local])
            #expect(events.map(\.subject) == [orders.id.uri, orders.id.uri, nil, nil])
            #expect(events.filter { $0.tokenID == jti }.map(\.decision) == [.issued, .revoked])
            #expect(events[1].reason == "scopes_not_granted")
            #expect(events[1].scope == "payments:delete")
            #expect(events[2].reason != nil)
            #expect(!String(decoding: plane.audit.bytes, as: UTF8.self).contains("eyJhbGci"))
        }
    }

    @Test("SVIDs: minted and for an agent's workloads, each with its serial number or kid, refused with the reason")
    func svids() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.createEntry(
                makeEntry("/web", parent: agent.id.path) {
                    $0.id = "web"
                    $0.additionalAttributes.jwtSvidIncludeJti = true
                })
            let before = plane.audit.events.count
            let minted = try await plane.mint("/minted")
            let csr = try makeCSR()
            _ = try await plane.remote(as: agent) { client async throws in
                _ = try await client.call(
                    SVIDMethods.batchNewX509SVID,
                    .with {
                        $0.params = ["web", "none"].map { id in
                            .with {
                                $0.entryID = id
                                $0.csr = csr
                            }
                        }
                    })
                return try await client.call(
                    SVIDMethods.newJWTSVID,
                    .with {
                        $0.entryID = "web"
                        $0.audience = ["a", "b"]
                    })
            }
            let serialNumber = minted.svid.certificates[0].serialNumber
            let hexadecimal = String(
                serialNumber.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined().drop { $0 == "0" })
            let events = self.events(plane, after: before)
            #expect(events.map(\.kind) == [.x509SVID, .x509SVID, .x509SVID, .jwtSVID])
            #expect(events.map(\.decision) == [.issued, .issued, .refused, .issued])
            #expect(
                events.map(\.subject) == [minted.id.uri, "spiffe://example.org/web", nil, "spiffe://example.org/web"])
            #expect(events[0].serialNumber == hexadecimal)
            #expect(events[0].peer == Self.local)
            #expect(events[2].reason == "entry_not_found")
            #expect(events[3].audience == ["a", "b"])
            #expect(events[3].keyID != nil)
            #expect(events[3].tokenID != nil)
            #expect(events[1...].allSatisfy { $0.peer == agent.id.uri })
        }
    }

    @Test("agents: attested, renewed, banned; a join token that is not known is in no record")
    func agents() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            _ = try await plane.renew(agent)
            _ = try await refusal {
                try await plane.remote(as: nil) {
                    try await $0.attest(type: "join_token", payload: "invented-token", csr: makeCSR())
                }
            }
            _ = try await plane.local {
                try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
            }
            let all = self.events(plane)
            #expect(all.first?.kind == .joinToken)
            let events = Array(all.dropFirst())
            #expect(events.map(\.decision) == [.issued, .issued, .refused, .revoked])
            #expect(events.allSatisfy { $0.kind == .agent })
            #expect(events.map(\.subject) == [agent.id.uri, agent.id.uri, nil, agent.id.uri])
            #expect(events.map(\.peer) == [nil, agent.id.uri, nil, Self.local])
            #expect(events[2].reason == "invalid_argument")
            #expect(!String(decoding: plane.audit.bytes, as: UTF8.self).contains("invented-token"))
        }
    }

    @Test("a join token: who made it, for which alias and until when, and never the token; refused with the reason")
    func joinTokens() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                for (ttl, token) in [(60, "secret-token"), (60, "secret-token"), (0, "")] as [(Int32, String)] {
                    _ = try? await client.call(
                        AgentMethods.createJoinToken,
                        .with {
                            $0.ttl = ttl
                            $0.token = token
                            $0.agentID = .with { ($0.trustDomain, $0.path) = ("example.org", "/rack-1") }
                        })
                }
            }
            let route = AgentMethods.createJoinToken.path
            let issued = self.event(plane, .issued, .joinToken, route, by: Self.local) {
                $0.subject = "spiffe://example.org/rack-1"
                $0.expiresAt = plane.time.now.addingTimeInterval(60)
            }
            var twice = issued
            (twice.decision, twice.reason) = (.refused, "already_exists")
            let noTTL = self.event(plane, .refused, .joinToken, route, by: Self.local) {
                $0.reason = "invalid_argument"
            }
            #expect(self.events(plane) == [issued, twice, noTTL])
            #expect(!String(decoding: plane.audit.bytes, as: UTF8.self).contains("secret-token"))
        }
    }

    @Test("a call that its caller may not make: by whom, of which method, and why")
    func denials() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let workload = try await plane.mint("/workload")
            _ = try await plane.local { try await $0.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) }) }
            let before = plane.audit.events.count
            for identity in [nil, workload, agent] {
                _ = try await refusal {
                    try await plane.remote(as: identity) { try await $0.call(AgentMethods.countAgents, .init()) }
                }
                _ = try await refusal {
                    try await plane.remote(as: identity) {
                        try await $0.call(EntryMethods.getAuthorizedEntries, .init())
                    }
                }
            }
            let events = self.events(plane, after: before)
            #expect(events.allSatisfy { $0.decision == .refused && $0.kind == .call })
            let (count, entries) = (AgentMethods.countAgents.path, EntryMethods.getAuthorizedEntries.path)
            #expect(events.map(\.route) == [count, entries, count, entries, count, entries])
            #expect(
                events.map(\.peer) == [nil, nil, workload.id.uri, workload.id.uri, agent.id.uri, agent.id.uri])
            #expect(
                events.map(\.reason) == [
                    "not_allowed", "not_allowed", "not_allowed", "agent_not_attested", "not_allowed", "agent_banned",
                ])
        }
    }

    @Test("introspection: refused with the reason; a good token of others with what it says; not what is answered")
    func introspection() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let token = try #require(
                try await plane.post(wish, as: orders).members["access_token"]?.string)
            let inventory = try await plane.mint("/inventory")
            let stranger = try await plane.mint("/stranger")
            let before = plane.audit.events.count
            let path = "/oauth2/introspect"
            func show(_ token: String, _ identity: TestIdentity) async throws -> HTTPSReply {
                try await plane.post(["client_id": identity.id.uri, "token": token], to: path, as: identity)
            }
            #expect(try await show(token, orders).members["active"]?.bool == true)
            #expect(try await show("rubbish", orders).members["active"]?.bool == false)
            #expect(try await show(token, inventory).members.members.map(\.name) == ["active"])
            #expect(try await show(token, stranger).error == "invalid_client")
            #expect(try await plane.post(["token": token], to: path, as: nil).status == 401)
            let events = self.events(plane, after: before)
            #expect(events.allSatisfy { $0.decision == .refused && $0.kind == .introspection && $0.route == path })
            #expect(events.map(\.reason) == ["token_of_others", "unknown_caller", "no_authentication"])
            #expect(events.map(\.peer) == [inventory.id.uri, stranger.id.uri, nil])
            #expect(events.map(\.subject) == [orders.id.uri, nil, nil])
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            let claims = try UnverifiedJWT(parsing: token).verify(with: key.publicKey)
            #expect(events.map(\.tokenID) == [claims["jti"]?.string, nil, nil])
            #expect(events[0].audience == ["spiffe://example.org/payments"])
            #expect(!String(decoding: plane.audit.bytes, as: UTF8.self).contains("eyJhbGci"))
        }
    }

    @Test("what is granted: each change with the caller as the subject and the service as the audience")
    func grants() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                _ = try await client.createService("payments")
                let grant = try await client.grant("/orders", "payments", ["a", "b"])
                _ = try await client.call(AccessMethods.deleteGrant, .with { $0.id = grant.id })
            }
            let events = self.events(plane)
            #expect(events.allSatisfy { $0.decision == .changed && $0.peer == Self.local })
            #expect(events.map(\.kind) == [.service, .grant, .grant])
            #expect(events.map(\.reason) == ["put", "put", "deleted"])
            #expect(events.map(\.audience) == Array(repeating: ["spiffe://example.org/payments"], count: 3))
            #expect(events.map(\.subject) == [nil, "spiffe://example.org/orders", "spiffe://example.org/orders"])
            #expect(events.map(\.scope) == [nil, "a b", "a b"])
        }
    }

    /// What is asked for in a record of a refusal.
    private struct Asked: Equatable {
        let kind: AuditEvent.Kind
        let reason: String?
        let subject: String?
        let audience: [String]
        let scope: String?

        init(
            _ kind: AuditEvent.Kind, _ reason: String, _ subject: String? = nil, _ audience: [String] = [],
            _ scope: String? = nil
        ) {
            (self.kind, self.reason, self.subject) = (kind, reason, subject)
            (self.audience, self.scope) = (audience, scope)
        }

        init(_ event: AuditEvent) {
            self.init(event.kind, event.reason ?? "", event.subject, event.audience, event.scope)
        }
    }

    @Test("a change of what is granted that is refused: with what was asked for")
    func refusedChanges() async throws {
        let (orders, payments) = ("spiffe://example.org/orders", "spiffe://example.org/payments")
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                _ = try await client.createService("payments")
                let grant = try await client.grant("/orders", "payments", ["b", "a"])
                let before = plane.audit.events.count
                _ = try await refusal { try await client.createService("payments") }
                _ = try await refusal { try await client.createService("ledger") { $0.audience = "ledger" } }
                _ = try await refusal { try await client.grant("/orders", "payments", ["a", "b"]) }
                _ = try await refusal { try await client.grant("/orders", "nobody", ["a"]) }
                _ = try await refusal { try await client.grant("/orders", "payments", ["a", "\u{1}"]) }
                _ = try await refusal {
                    try await client.call(AccessMethods.deleteService, .with { $0.name = "payments" })
                }
                plane.database.fail(writes: .full("disk"))
                _ = try await refusal {
                    try await client.call(AccessMethods.deleteGrant, .with { $0.id = grant.id })
                }
                plane.database.fail(writes: nil)
                let events = self.events(plane, after: before)
                #expect(events.allSatisfy { $0.decision == .refused && $0.peer == Self.local })
                #expect(
                    events.map(Asked.init) == [
                        Asked(.service, "already_exists", nil, [payments]),
                        Asked(.service, "invalid_argument", nil, ["ledger"]),
                        Asked(.grant, "already_exists", orders, [payments], "a b"),
                        Asked(.grant, "not_found", orders, ["nobody"], "a"),
                        Asked(.grant, "invalid_argument", orders, [payments], "a \u{1}"),
                        Asked(.service, "failed_precondition", nil, [payments]),
                        Asked(.grant, "not_stored", orders, [payments], "a b"),
                    ])
            }
        }
    }

    @Test("a policy that is refused: with the item that is wrong, or the services; who only looks is not recorded")
    func refusedPolicies() async throws {
        try await withControlPlane { plane async throws in
            try await plane.local { client async throws in
                func apply(_ change: (inout Signet_Server_V1_ApplyPolicyRequest) -> Void) async throws {
                    var policy = Signet_Server_V1_ApplyPolicyRequest.with {
                        $0.owner = "team"
                        $0.services = [makeService("payments"), makeService("ledger")]
                        $0.grants = [makeGrant("/orders", "payments", ["a"])]
                    }
                    change(&policy)
                    let request = policy
                    _ = try await refusal { try await client.call(AccessMethods.applyPolicy, request) }
                }
                let wrong: (inout Signet_Server_V1_ApplyPolicyRequest) -> Void = { $0.services[1].spiffeID = "x" }
                try await apply(wrong)
                try await apply {
                    wrong(&$0)
                    $0.dryRun = true
                }
                try await apply { $0.grants.append(makeGrant("/web", "payments", ["\u{1}"])) }
                try await apply { $0.grants.append(makeGrant("/web", "inventory", ["a"])) }
                #expect(
                    self.events(plane).map(Asked.init) == [
                        Asked(.service, "invalid_argument", nil, ["x"]),
                        Asked(.grant, "invalid_argument", "spiffe://example.org/web", ["payments"], "\u{1}"),
                        Asked(
                            .grant, "invalid_argument", nil,
                            ["spiffe://example.org/payments", "spiffe://example.org/ledger"]),
                    ])
            }
        }
    }

    @Test("a revocation that is refused: of what, and why")
    func refusedRevocations() async throws {
        try await withControlPlane(HarnessSettings(issuer: Self.issuer)) { plane async throws in
            try await plane.local { client async throws in
                _ = try await refusal { try await client.revoke { $0.kid = "nobody" } }
                _ = try await refusal { try await client.revoke { $0.spiffeID = "spiffe://other.test/a" } }
                plane.database.fail(writes: .full("disk"))
                _ = try await refusal { try await client.revoke { $0.jti = "a" } }
                _ = try await refusal { try await client.revoke { $0.certificateSerial = "1f" } }
            }
            let route = RevocationMethods.revoke.path
            func refused(
                _ kind: AuditEvent.Kind, _ reason: String, _ complete: (inout AuditEvent) -> Void
            ) -> AuditEvent {
                self.event(plane, .refused, kind, route, by: Self.local) {
                    ($0.reason, $0.issuer) = (reason, Self.issuer)
                    complete(&$0)
                }
            }
            #expect(
                self.events(plane) == [
                    refused(.key, "unknown_key") { $0.keyID = "nobody" },
                    refused(.subject, "invalid_argument") { $0.subject = "spiffe://other.test/a" },
                    refused(.accessToken, "not_stored") { $0.tokenID = "a" },
                    refused(.x509SVID, "not_stored") { $0.serialNumber = "1f" },
                ])
        }
    }
}
