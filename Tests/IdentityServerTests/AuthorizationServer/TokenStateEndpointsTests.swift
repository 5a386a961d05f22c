import AccessGrants
import AccessTokens
import Audit
import Authority
import ControlPlaneProtos
import Datastore
import FoundationEssentials
import GRPCCore
import IdentityServer
import JOSE
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("revocation and introspection by clients", .timeLimit(.minutes(3)))
struct TokenStateEndpointsTests {
    /// A control plane, the client `/orders`, the service `/payments`, and a token from one to the other.
    private func withToken(
        time: ManualInstants = ManualInstants(),
        _ body: @escaping @Sendable (ControlPlaneUnderTest, TestIdentity, TestIdentity, String) async throws -> Void
    ) async throws {
        try await withAuthorizationServer(time: time) { plane, orders async throws in
            let reply = try await plane.post(wish, as: orders)
            try await body(
                plane, orders, plane.mint("/payments"), #require(reply.members["access_token"]?.string))
        }
    }

    private func form(_ token: String, as identity: TestIdentity) -> Form {
        ["client_id": identity.id.uri, "token": token, "token_type_hint": "access_token"]
    }

    private func introspect(
        _ token: String, as identity: TestIdentity, _ plane: ControlPlaneUnderTest
    ) async throws -> HTTPSReply {
        try await plane.post(self.form(token, as: identity), to: "/oauth2/introspect", as: identity)
    }

    // MARK: Introspection

    @Test("RFC 7662 §2.2: the service and the client are told what the token says")
    func active() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            for identity in [payments, orders] {
                let reply = try await self.introspect(token, as: identity, plane)
                #expect(reply.status == 200)
                #expect(reply.headers["Cache-Control"] == ["no-store"])
                let now = Int64(plane.time.now.timeIntervalSince1970)
                #expect(reply.members["active"]?.bool == true)
                #expect(reply.members["token_type"]?.string == "Bearer")
                #expect(reply.members["sub"]?.string == "spiffe://example.org/orders")
                #expect(reply.members["client_id"]?.string == "spiffe://example.org/orders")
                #expect(reply.members["aud"]?.string == "spiffe://example.org/payments")
                #expect(reply.members["iss"]?.string == "https://tokens.example.org")
                #expect(reply.members["scope"]?.string == "payments:create")
                #expect(reply.members["exp"]?.number?.int64 == now + 600)
                #expect(reply.members["jti"]?.string?.isEmpty == false)
            }
        }
    }

    @Test("RFC 7662 §2.2: to a party whom it does not concern a token is inactive, and that is all it is told")
    func ofOthers() async throws {
        try await self.withToken { plane, _, _, token async throws in
            let inventory = try await plane.mint("/inventory")
            let reply = try await self.introspect(token, as: inventory, plane)
            #expect(reply.status == 200)
            #expect(reply.members == ["active": false])
        }
    }

    @Test("a token that is expired, forged, of another kind or no token at all is inactive")
    func inactive() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            let signature = token.split(separator: ".")[2]
            let forged = token.dropLast(signature.utf8.count) + String(signature.reversed())
            let svid = try await plane.assertion("/orders")
            for wrong in [String(forged), "x", "a.b.c", svid, token + "."] {
                #expect(try await self.introspect(wrong, as: payments, plane).members == ["active": false])
            }
            plane.time.advance(by: .seconds(599))
            #expect(try await self.introspect(token, as: payments, plane).members["active"]?.bool == true)
            plane.time.advance(by: .seconds(1))
            #expect(try await self.introspect(token, as: payments, plane).members == ["active": false])
            #expect(try await self.introspect(token, as: orders, plane).members == ["active": false])
        }
    }

    @Test("RFC 7662 §2.3: a caller that is not known is answered 401 with a challenge; §2.1: token is required")
    func refused() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            let unknown = try await plane.post(
                self.form(token, as: payments), to: "/oauth2/introspect", as: nil)
            #expect(unknown.status == 401)
            #expect(unknown.error == "invalid_client")
            #expect(unknown.headers["WWW-Authenticate"] == ["Bearer realm=\"https://tokens.example.org\""])
            let other = try await plane.mint("/other")
            #expect(try await self.introspect(token, as: other, plane).status == 401)
            let none = try await plane.post(["client_id": orders.id.uri], to: "/oauth2/introspect", as: orders)
            #expect(none.status == 400)
            #expect(none.error == "invalid_request")
            let get = try await plane.https("GET", "/oauth2/introspect?token=\(token)", as: payments)
            #expect(get.status == 405)
        }
    }

    // MARK: Revocation

    @Test("RFC 7009 §2: a client revokes its own token, at once and for everybody; again is no error")
    func revoke() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            let tokenID = try await self.introspect(token, as: payments, plane).members["jti"]?.string
            for _ in 1...2 {
                let reply = try await plane.post(self.form(token, as: orders), to: "/oauth2/revoke", as: orders)
                #expect(reply.status == 200)
                #expect(try await self.introspect(token, as: payments, plane).members == ["active": false])
            }
            let list = try await plane.local { client async throws in
                try await client.call(RevocationMethods.listRevocations, .init())
            }
            #expect(list.revocations.map(\.jti) == [try #require(tokenID)])
            #expect(list.revocations.first?.createdBy == "spiffe://example.org/orders")
            // Other tokens of the client live on.
            #expect(try await plane.post(wish, as: orders).status == 200)
            #expect(!plane.log.text.contains(token))
        }
    }

    @Test("RFC 7009 §2.1: a token of another client is not revoked, and the client is told")
    func revokeOfAnother() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            let reply = try await plane.post(self.form(token, as: payments), to: "/oauth2/revoke", as: payments)
            #expect(reply.status == 400)
            #expect(reply.error == "unauthorized_client")
            let record = try #require(plane.audit.events.last)
            #expect(record.reason == "token_of_another")
            #expect(record.peer == payments.id.uri)
            #expect(record.subject == orders.id.uri)
            #expect(record.tokenID != nil)
            #expect(try await self.introspect(token, as: payments, plane).members["active"]?.bool == true)
        }
    }

    @Test("RFC 7009 §2.2: an unknown token is no error; an unknown client and a missing token are")
    func revokeNothing() async throws {
        try await self.withToken { plane, orders, _, token async throws in
            let unknown = try await plane.post(self.form("x", as: orders), to: "/oauth2/revoke", as: orders)
            #expect(unknown.status == 200)
            let hint = try await plane.post(
                self.form("x", as: orders).with("token_type_hint", "refresh_token"), to: "/oauth2/revoke", as: orders)
            #expect(hint.status == 200)
            let nobody = try await plane.post(self.form(token, as: orders), to: "/oauth2/revoke", as: nil)
            #expect(nobody.error == "invalid_client")
            let none = try await plane.post(["client_id": orders.id.uri], to: "/oauth2/revoke", as: orders)
            #expect(none.error == "invalid_request")
        }
    }

    @Test("RFC 7009 §2.2.1: a revocation that cannot be stored is answered 503, and has not happened")
    func fullDisk() async throws {
        try await self.withToken { plane, orders, payments, token async throws in
            plane.database.fail(writes: .full("disk"))
            let reply = try await plane.post(self.form(token, as: orders), to: "/oauth2/revoke", as: orders)
            #expect(reply.status == 503)
            #expect(reply.headers["Retry-After"] == ["1"])
            #expect(reply.error == "temporarily_unavailable")
            let record = try #require(plane.audit.events.last)
            #expect(record.reason == "not_stored")
            #expect(record.tokenID != nil)
            plane.database.fail(writes: nil)
            #expect(try await self.introspect(token, as: payments, plane).members["active"]?.bool == true)
        }
    }

    /// A store in which the client `/orders` has made so many revocations, which hold for 960 seconds.
    private func disk(withRevocations count: Int, at now: Date) async throws -> Disk {
        let disk = try Disk()
        let path = disk.directory.path("store.sqlite3")
        let orders = try SPIFFEID(parsing: "spiffe://example.org/orders")
        let store = try Datastore(
            database: SQLiteDatabase(path: path, busyTimeout: .seconds(5)), name: path,
            trustDomain: TrustDomain(parsing: "example.org"))
        let end = now.addingTimeInterval(960)
        for index in 0..<count {
            _ = try await store.put(
                Revocation(.token("t\(index)"), revokedAt: now, expiresAt: end), reason: "", actor: .peer(orders),
                now: now)
        }
        return disk
    }

    private func newToken(for identity: TestIdentity, _ plane: ControlPlaneUnderTest) async throws -> String {
        let reply = try await plane.post(wish.with("client_id", identity.id.uri), as: identity)
        return try #require(reply.members["access_token"]?.string)
    }

    @Test("one client has a thousand revocations in force at most, and others have theirs; the expired do not count")
    func oneClientsShare() async throws {
        let time = ManualInstants()
        let disk = try await self.disk(withRevocations: 1_000, at: time.now)
        try await withAuthorizationServer(disk: disk, time: time) { plane, orders async throws in
            func revokeOne(as identity: TestIdentity) async throws -> HTTPSReply {
                try await plane.post(
                    self.form(self.newToken(for: identity, plane), as: identity), to: "/oauth2/revoke", as: identity)
            }
            _ = try await plane.local { try await $0.grant("/inventory", "payments", ["payments:create"]) }
            let refused = try await revokeOne(as: orders)
            #expect(refused.status == 503)
            #expect(refused.error == "temporarily_unavailable")
            #expect(plane.audit.events.last?.reason == "too_many_revocations")
            #expect(try await revokeOne(as: plane.mint("/inventory")).status == 200)
            time.set(to: time.now.addingTimeInterval(960))
            #expect(try await revokeOne(as: plane.mint("/orders")).status == 200)
        }
    }

    @Test("a client that revokes many tokens at once has a thousand in force at most, too")
    func oneClientsShareAtOnce() async throws {
        let time = ManualInstants()
        let disk = try await self.disk(withRevocations: 999, at: time.now)
        try await withAuthorizationServer(disk: disk, time: time) { plane, orders async throws in
            var tokens: [String] = []
            for _ in 0..<8 { tokens.append(try await self.newToken(for: orders, plane)) }
            let before = plane.audit.events.count
            plane.database.hold(true)
            let statuses = try await withThrowingTaskGroup(of: UInt.self) { group in
                for token in tokens {
                    group.addTask {
                        try await plane.post(self.form(token, as: orders), to: "/oauth2/revoke", as: orders).status
                    }
                }
                await plane.database.waitForHeldWrite()
                _ = try await plane.https("GET", "/healthz")
                plane.database.hold(false)
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200] + Array(repeating: 503, count: 7))
            let events = plane.audit.events.dropFirst(before)
            #expect(events.filter { $0.decision == .revoked }.count == 1)
            #expect(events.filter { $0.reason == "too_many_revocations" && $0.tokenID != nil }.count == 7)
        }
    }

    @Test("while a client, or its certificate, is being revoked it is asked to try again, and served where that fails")
    func beingRevoked() async throws {
        try await self.withToken { plane, orders, _, _ async throws in
            let changes: [@Sendable (inout Signet_Server_V1_RevokeRequest) throws -> Void] = [
                { $0.spiffeID = orders.id.uri }, { $0.certificateSerial = orders.serialNumberInHexadecimal },
            ]
            for change in changes {
                var request = Signet_Server_V1_RevokeRequest()
                try change(&request)
                let message = request
                plane.database.fail(writes: .full("disk"))
                plane.database.hold(true)
                async let failed = refusal {
                    try await plane.local { try await $0.call(RevocationMethods.revoke, message) }
                }
                await plane.database.waitForHeldWrite()
                let reply = try await plane.post(wish, as: orders)
                #expect(reply.status == 503)
                #expect(reply.headers["Retry-After"] == ["1"])
                #expect(reply.error == "temporarily_unavailable")
                #expect(plane.audit.events.last?.reason == "being_revoked")
                plane.database.hold(false)
                #expect(try await failed.code == .unavailable)
                #expect(try await plane.post(wish, as: orders).status == 200)
            }
        }
    }

    @Test("what an administrator revokes is inactive: the subject, the key")
    func revokedByAdministrators() async throws {
        try await self.withToken { plane, _, payments, token async throws in
            _ = try await plane.local { try await $0.revoke { $0.spiffeID = "spiffe://example.org/orders" } }
            #expect(try await self.introspect(token, as: payments, plane).members == ["active": false])
        }
        try await self.withToken { plane, _, payments, token async throws in
            let key = try #require(plane.tokenKeys?.state.current.signer.keyID)
            _ = try await plane.local { try await $0.revoke { $0.kid = key } }
            #expect(try await self.introspect(token, as: payments, plane).members == ["active": false])
        }
    }
}
