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

@Suite("what the authorization server publishes", .timeLimit(.minutes(2)))
struct MetadataTests {
    @Test("RFC 8414 §3: the document is where the issuer says, and says what there is")
    func document() async throws {
        try await withControlPlane(oauthSettings) { plane async throws in
            let reply = try await plane.https("GET", "/.well-known/oauth-authorization-server")
            #expect(reply.status == 200)
            #expect(reply.headers["Content-Type"] == ["application/json"])
            let document = reply.members
            let issuer = "https://tokens.example.org"
            #expect(document["issuer"]?.string == issuer)
            #expect(document["token_endpoint"]?.string == issuer + "/oauth2/token")
            #expect(document["jwks_uri"]?.string == issuer + "/oauth2/jwks")
            #expect(document["revocation_endpoint"]?.string == issuer + "/oauth2/revoke")
            #expect(document["introspection_endpoint"]?.string == issuer + "/oauth2/introspect")
            #expect(document["grant_types_supported"]?.strings == ["client_credentials"])
            #expect(document["token_endpoint_auth_methods_supported"]?.strings == ["spiffe_x509", "spiffe_jwt"])
            #expect(document["tls_client_certificate_bound_access_tokens"]?.bool == true)
            #expect(document["signet_token_bindings_supported"]?.strings == ["identity", "certificate"])
            // §3.2: members with no elements are left out.
            #expect(document.members.allSatisfy { $0.value.array?.isEmpty != true })
            let openID = try await plane.https("GET", "/.well-known/openid-configuration")
            #expect(openID.body == reply.body)
        }
    }

    @Test("RFC 8414 §2: the document says for which services tokens are bound to the certificate")
    func bindings() async throws {
        try await withControlPlane(oauthSettings) { plane async throws in
            @Sendable func bound() async throws -> [String]? {
                let reply = try await plane.https("GET", "/.well-known/oauth-authorization-server")
                return reply.members["signet_certificate_bound_audiences"]?.strings
            }
            try await plane.local { client async throws in
                _ = try await client.createService("inventory")
                #expect(try await bound() == nil)
                _ = try await client.createService("payments") { $0.binding = .certificate }
                _ = try await client.createService("ledger") {
                    $0.binding = .certificate
                    $0.audience = "https://ledger.test"
                }
                #expect(try await bound() == ["https://ledger.test", "spiffe://example.org/payments"])
                _ = try await client.call(AccessMethods.deleteService, .with { $0.name = "payments" })
                #expect(try await bound() == ["https://ledger.test"])
            }
        }
    }

    @Test("RFC 8414 §3.1: an issuer with a path has its document behind the well-known part, its endpoints below")
    func path() async throws {
        var settings = oauthSettings
        settings.issuer = "https://example.org/tokens"
        try await withControlPlane(settings) { plane async throws in
            for path in [
                "/.well-known/oauth-authorization-server/tokens", "/.well-known/openid-configuration/tokens",
                "/tokens/.well-known/openid-configuration",
            ] {
                let reply = try await plane.https("GET", path)
                #expect(reply.members["token_endpoint"]?.string == "https://example.org/tokens/oauth2/token", "\(path)")
            }
            #expect(try await plane.https("GET", "/tokens/oauth2/jwks").status == 200)
            #expect(try await plane.https("GET", "/oauth2/jwks").status == 404)
            #expect(try await plane.https("GET", "/.well-known/oauth-authorization-server").status == 404)
        }
    }

    @Test("RFC 7517 §5: the JWK Set has the keys of access tokens, and those of SVIDs are elsewhere")
    func keys() async throws {
        try await withControlPlane(oauthSettings) { plane async throws in
            let reply = try await plane.https("GET", "/oauth2/jwks")
            #expect(reply.headers["Content-Type"] == ["application/jwk-set+json"])
            let rotation = try #require(plane.tokenKeys)
            #expect(reply.body == rotation.state.current.jwkSet)
            let keyIDs = reply.members["keys"]?.array?.compactMap { $0.object?["kid"]?.string }
            #expect(keyIDs == rotation.state.current.keys.map(\.id))
            #expect(
                plane.authority.state.current.bundle.jwtAuthorities.allSatisfy { keyIDs?.contains($0.keyID) == false })
            // A key that is withdrawn is gone at once.
            try await rotation.withdraw(keyID: rotation.state.current.signer.keyID, now: plane.time.now)
            #expect(try await plane.https("GET", "/oauth2/jwks").body == rotation.state.current.jwkSet)
        }
    }

    @Test("health is for everybody; documents answer HEAD, and nothing else")
    func others() async throws {
        try await withControlPlane(oauthSettings) { plane async throws in
            let health = try await plane.https("GET", "/healthz")
            #expect(health.status == 200)
            #expect(health.body == Array("ok\n".utf8))
            let head = try await plane.https("HEAD", "/oauth2/jwks")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            let post = try await plane.https("POST", "/oauth2/jwks")
            #expect(post.status == 405)
            #expect(post.headers["Allow"] == ["GET, HEAD"])
            for path in ["/", "/healthz/", "/admin", "/metrics", "/oauth2"] {
                #expect(try await plane.https("GET", path).status == 404, "\(path)")
            }
        }
    }
}
