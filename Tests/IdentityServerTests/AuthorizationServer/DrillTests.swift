import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import IdentityServer
import JOSE
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("drills at the token endpoint", .timeLimit(.minutes(3)))
struct DrillTests {
    private static func form(from caller: SPIFFEID, to service: String) -> Form {
        ["grant_type": "client_credentials", "client_id": caller.uri, "audience": service]
    }

    @Test("one of 47 services is revoked: its tokens end and it gets no more, the other 46 notice nothing")
    func compromise() async throws {
        try await withControlPlane(oauthSettings) { plane async throws in
            let names = (0..<47).map { "service-\($0)" }
            let next = Dictionary(uniqueKeysWithValues: zip(names, names[1...] + [names[0]]))
            try await plane.local { client async throws in
                for name in names { _ = try await client.createService(name) }
                for (caller, service) in next { _ = try await client.grant("/\(caller)", service, ["call:\(service)"]) }
            }
            var identities: [String: TestIdentity] = [:]
            var tokens: [String: String] = [:]
            for name in names {
                let identity = try await plane.mint("/\(name)")
                let reply = try await plane.post(Self.form(from: identity.id, to: next[name] ?? ""), as: identity)
                identities[name] = identity
                tokens[name] = try #require(reply.members["access_token"]?.string)
            }
            _ = try await plane.local { try await $0.revoke { $0.spiffeID = "spiffe://example.org/service-7" } }
            plane.time.advance(by: .seconds(1))
            for name in names {
                let service = try #require(next[name])
                let caller = try #require(identities[name])
                let callee = try await plane.mint("/\(service)")
                let shown = try await plane.post(
                    ["client_id": callee.id.uri, "token": tokens[name] ?? ""], to: "/oauth2/introspect", as: callee)
                #expect(shown.members["active"]?.bool == (name != "service-7"), "\(name)")
                let again = try await plane.post(Self.form(from: caller.id, to: service), as: caller)
                #expect(again.error == (name == "service-7" ? "invalid_client" : nil), "\(name)")
            }
        }
    }

    @Test("over two days every token is signed by a key that validators have had for hours")
    func rotation() async throws {
        try await withAuthorizationServer { plane, _ async throws in
            var known: [String: JOSE.PublicKey] = [:]
            var signers: Set<String> = []
            for _ in 0..<24 {
                let orders = try await plane.mint("/orders")
                let reply = try await plane.post(wish, as: orders)
                let token = try UnverifiedJWT(parsing: try #require(reply.members["access_token"]?.string))
                let keyID = try #require(token.keyID)
                signers.insert(keyID)
                // The first key is as old as the server.
                if !known.isEmpty {
                    let key = try #require(known[keyID], "signed by a key that was not published two hours ago")
                    #expect(throws: Never.self) { try token.verify(with: key) }
                }
                let document = try await plane.https("GET", "/oauth2/jwks").members
                known = [:]
                for entry in document["keys"]?.array ?? [] {
                    let key = try JSONWebKey(try #require(entry.object))
                    known[try #require(key.keyID)] = key.publicKey
                }
                // The loops of the server: authority, own identity, token keys, pruning.
                try await plane.time.waitForSleepers(4)
                plane.time.advance(by: .seconds(7_200))
                try await plane.time.waitForSleepers(4)
            }
            #expect(signers.count >= 3)
        }
    }
}
