import AccessTokens
import Audit
import Authority
import ControlPlaneProtos
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

@Suite("revocation", .timeLimit(.minutes(2)))
struct RevocationTests {
    private static let settings = HarnessSettings(issuer: "https://tokens.example.org")

    @Test("reaches every open stream at once, and a reader that comes back later gets what it missed")
    func pushed() async throws {
        try await withControlPlane(Self.settings) { plane async throws in
            let agent = try await plane.newAgent()
            let seen = try await plane.watchTokens(as: agent) { states async throws in
                let first = try #require(try await states.next())
                #expect(first.revocations == [])
                _ = try await plane.local { try await $0.revoke { $0.jti = "a-jti" } }
                while let state = try await states.next() {
                    guard !state.revocations.isEmpty else { continue }
                    #expect(!state.full)
                    #expect(state.revocations.map(\.jti) == ["a-jti"])
                    let now = Int64(plane.time.now.timeIntervalSince1970)
                    #expect(state.revocations.map(\.revokedAt) == [now])
                    #expect(state.revocations.map(\.expiresAt) == [now + 960])
                    return (state.epoch, state.sequence)
                }
                throw HarnessError.noResult
            }
            _ = try await plane.local { try await $0.revoke { $0.certificateSerial = "1f" } }
            let missed = try await plane.watchTokens(as: agent, since: seen) { try await $0.next() }
            #expect(missed?.full == false)
            #expect(missed?.revocations.map(\.certificateSerial) == ["1f"])
            let everything = try await plane.watchTokens(as: agent) { try await $0.next() }
            #expect(everything?.full == true)
            #expect(everything?.revocations.count == 2)
            let other = try await plane.watchTokens(as: agent, since: ("another", 1)) { try await $0.next() }
            #expect(other?.revocations.count == 2)
        }
    }

    @Test("of a SPIFFE ID refuses it tokens for the same second, and gives them again after")
    func subject() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            let agent = try await plane.newAgentOfOrders()
            try await plane.local { client async throws in
                let revoked = try await client.revoke {
                    $0.spiffeID = "spiffe://example.org/orders"
                    $0.reason = "stolen"
                }
                #expect(revoked.createdBy.hasPrefix("uid:"))
                #expect(revoked.reason == "stolen")
                // Longer than any SVID that was issued until now can live.
                #expect(revoked.expiresAt == revoked.revokedAt + 86_460)
            }
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", []) }
                        == Refusal(.permissionDenied, "what is issued to the caller is revoked"))
                time.advance(by: .seconds(1))
                _ = try await client.issue("orders", "payments", [])
            }
        }
    }

    @Test("of a signing key takes it out of the JWK Set, and another signs, also after a restart")
    func key() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        let revoked = try await withControlPlane(Self.settings, disk: disk, time: time) { plane async throws in
            let rotation = try #require(plane.tokenKeys)
            let first = rotation.state.current.signer.keyID
            _ = try await plane.local { try await $0.revoke { $0.kid = first } }
            #expect(rotation.state.current.signer.keyID != first)
            #expect(rotation.state.current.keys.allSatisfy { $0.id != first })
            #expect(
                try await refusal { try await plane.local { try await $0.revoke { $0.kid = "nobody" } } }
                    == Refusal(.notFound, "no key in force has this kid"))
            return first
        }
        try await withControlPlane(Self.settings, disk: disk, time: time) { plane async throws in
            let rotation = try #require(plane.tokenKeys)
            #expect(rotation.state.current.keys.allSatisfy { $0.id != revoked })
            let list = try await plane.local { try await $0.call(RevocationMethods.listRevocations, .init()) }
            #expect(list.revocations.map(\.kid) == [revoked])
        }
    }

    @Test("of a signing key holds though no other can be stored: nothing is signed until one can")
    func keyWithoutSuccessor() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            let agent = try await plane.newAgentOfOrders()
            let rotation = try #require(plane.tokenKeys)
            let first = rotation.state.current.signer.keyID
            // The revocation is stored, its consequence is not.
            plane.database.fail(writes: .full("disk"), after: 1)
            let revoked = try await plane.local { try await $0.revoke { $0.kid = first } }
            #expect(revoked.kid == first)
            #expect(plane.audit.events.contains { $0.decision == .revoked && $0.keyID == first })
            #expect(rotation.state.current.keys.allSatisfy { $0.id != first })
            try await plane.remote(as: agent) { client async throws in
                #expect(
                    try await refusal { try await client.issue("orders", "payments", []) }
                        == Refusal(.internalError, "the token could not be signed"))
            }
            plane.database.fail(writes: nil)
            // The loops of the server: authority, own identity, token keys, pruning.
            try await time.waitForSleepers(4)
            time.advance(by: .seconds(60))
            for await state in rotation.state.updates() where state.signer.keyID != first { break }
            try await plane.remote(as: agent) { client async throws in
                _ = try await client.issue("orders", "payments", [])
            }
        }
    }

    @Test("of a SPIFFE ID or a certificate ends the connections to this server, and refuses new ones")
    func connections() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            let admin = try await plane.newAdmin()
            let agent = try await plane.newAgent()
            for (identity, method) in [(admin, AgentMethods.countAgents.path), (agent, AgentMethods.postStatus.path)] {
                try await plane.remote(as: identity) { try await $0.ask(method) }
                try await plane.withRawConnection(
                    as: identity, to: plane.port, applicationProtocol: "h2"
                ) { connection in
                    // The preface of HTTP/2 with SETTINGS, which are answered.
                    try await connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0")
                    #expect(await connection.read(until: "\u{4}").contains("\u{4}"))
                    try await plane.local { local async throws in
                        _ = try await local.revoke {
                            if identity.id == admin.id {
                                $0.spiffeID = admin.id.uri
                            } else {
                                $0.certificateSerial = identity.serialNumberInHexadecimal
                            }
                        }
                    }
                    // Returns when the connection has ended.
                    _ = await connection.read(until: "never")
                }
                #expect(
                    try await refusal { try await plane.remote(as: identity) { try await $0.ask(method) } }.code
                        == .unavailable)
            }
            // What is issued after that second is another matter, although certificates are dated back.
            time.advance(by: .seconds(1))
            try await plane.remote(as: plane.mint("/admin")) { try await $0.ask(AgentMethods.countAgents.path) }
            try await plane.remote(as: plane.newAgent()) { try await $0.ask(AgentMethods.postStatus.path) }
        }
    }

    @Test("while the store writes it no token is issued, which is no refusal, and tokens are again where that fails")
    func whileItIsWritten() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            let agent = try await plane.newAgentOfOrders()
            func issue() async throws {
                try await plane.remote(as: agent) { _ = try await $0.issue("orders", "payments", []) }
            }
            plane.database.fail(writes: .full("disk"))
            plane.database.hold(true)
            async let failed = refusal {
                try await plane.local { try await $0.revoke { $0.spiffeID = "spiffe://example.org/orders" } }
            }
            await plane.database.waitForHeldWrite()
            // Later than the moment that the revocation will have.
            time.advance(by: .seconds(1))
            #expect(
                try await refusal { try await issue() }
                    == Refusal(.unavailable, "what was issued to the caller is being revoked: try again"))
            #expect(plane.audit.events.last?.reason == "being_revoked")
            plane.database.hold(false)
            let answer = try await failed
            #expect(answer.code == .unavailable)
            try await issue()
        }
    }

    @Test("begins with a second that is read when nothing is issued any more")
    func second() async throws {
        let time = ManualInstants()
        let target = Revocation.Target.subject(try SPIFFEID(parsing: "spiffe://example.org/orders"))
        let feed = TokenFeed(revocations: [], position: ChangePosition(epoch: "a", number: 0))
        let wasPending = Recorded<Bool>()
        let instants = Instants(
            now: {
                wasPending.append(feed.isPending(target))
                return time.now.addingTimeInterval(0.9)
            }, sleepUntil: { _ in })
        let second = await feed.revoking(target, instants: instants) { now in
            #expect(feed.isPending(target))
            return now
        }
        #expect(second == time.now)
        #expect(wasPending.values == [true])
        #expect(!feed.isPending(target))
        await #expect(throws: CancellationError.self) {
            try await feed.revoking(target, instants: instants) { _ in throw CancellationError() }
        }
        #expect(!feed.isPending(target))
    }

    @Test("of what is revoked already holds from the later of both moments, wherever the clock is")
    func clockSetBack() async throws {
        let disk = try Disk()
        let time = ManualInstants()
        try await withControlPlane(Self.settings, disk: disk, time: time) { plane async throws in
            try await plane.local { client async throws in
                let first = try await client.revoke { $0.spiffeID = "spiffe://example.org/orders" }
                time.set(to: time.now.addingTimeInterval(-600))
                let second = try await client.revoke { $0.spiffeID = "spiffe://example.org/orders" }
                #expect(second.revokedAt == first.revokedAt)
                #expect(second.expiresAt == first.expiresAt)
            }
        }
        try await withControlPlane(Self.settings, disk: disk, time: time) { plane async throws in
            let list = try await plane.local { try await $0.call(RevocationMethods.listRevocations, .init()) }
            #expect(list.revocations.map(\.revokedAt) == [Int64(time.now.timeIntervalSince1970) + 600])
        }
    }

    @Test(
        "of what is malformed is refused",
        arguments: [
            Case<Signet_Server_V1_RevokeRequest>("what is revoked is a jti") { $0.target = nil },
            Case<Signet_Server_V1_RevokeRequest>("a name has 1 to") { $0.jti = "" },
            Case<Signet_Server_V1_RevokeRequest>("a name is printable ASCII") { $0.jti = "a\nb" },
            Case<Signet_Server_V1_RevokeRequest>("not a SPIFFE ID") { $0.spiffeID = "orders" },
            Case<Signet_Server_V1_RevokeRequest>("spiffe://other.test/a is not of the trust domain") {
                $0.spiffeID = "spiffe://other.test/a"
            },
            Case<Signet_Server_V1_RevokeRequest>("a serial number is lower-case") { $0.certificateSerial = "1F" },
            Case<Signet_Server_V1_RevokeRequest>("a serial number is lower-case") { $0.certificateSerial = "01" },
            Case<Signet_Server_V1_RevokeRequest>("reason: ") {
                $0.jti = "a"
                $0.reason = "\u{7}"
            },
        ])
    func malformed(item: Case<Signet_Server_V1_RevokeRequest>) async throws {
        try await withControlPlane(Self.settings) { plane async throws in
            let answer = try await refusal { try await plane.local { try await $0.revoke(item.change) } }
            #expect(answer.code == .invalidArgument)
            #expect(answer.message.hasPrefix(item.message), "\(answer.message)")
        }
    }

    @Test("is forgotten when nothing that it revokes is valid any more")
    func expiry() async throws {
        let time = ManualInstants()
        try await withControlPlane(Self.settings, time: time) { plane async throws in
            try await plane.local { client async throws in
                _ = try await client.revoke { $0.jti = "a" }
                time.set(to: time.now.addingTimeInterval(959))
                #expect(try await client.call(RevocationMethods.listRevocations, .init()).revocations.count == 1)
                time.set(to: time.now.addingTimeInterval(1))
                #expect(try await client.call(RevocationMethods.listRevocations, .init()).revocations.isEmpty)
            }
        }
    }
}

extension GRPCClient {
    /// A call that an administrator or an agent may make.
    fileprivate func ask(_ path: String) async throws {
        if path == AgentMethods.countAgents.path {
            _ = try await self.call(AgentMethods.countAgents, .init())
        } else {
            _ = try await self.call(AgentMethods.postStatus, .init())
        }
    }

    func revoke(
        _ change: (inout Signet_Server_V1_RevokeRequest) -> Void
    ) async throws -> Signet_Server_V1_Revocation {
        var request = Signet_Server_V1_RevokeRequest()
        change(&request)
        return try await self.call(RevocationMethods.revoke, request)
    }
}
