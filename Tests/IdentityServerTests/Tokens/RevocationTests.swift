import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
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
            let agent = try await plane.newAgent()
            try await plane.createEntry(makeEntry("/orders", parent: agent.id.path) { $0.id = "orders" })
            try await plane.local { client async throws in
                _ = try await client.createService("payments")
                _ = try await client.grant("/orders", "payments", ["a"])
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
    func revoke(
        _ change: (inout Signet_Server_V1_RevokeRequest) -> Void
    ) async throws -> Signet_Server_V1_Revocation {
        var request = Signet_Server_V1_RevokeRequest()
        change(&request)
        return try await self.call(RevocationMethods.revoke, request)
    }
}
