import Audit
import Authority
import ControlPlaneProtos
import Crypto
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
import X509

/// A control plane with an endpoint.
let oauthSettings = HarnessSettings(
    issuer: "https://tokens.example.org", certificate: .ownSVID(dnsNames: ["tokens.example.org"]))
let jwtSPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

/// The services `payments`, `reports` and `inventory`, grants of `/orders` to the first two, and its identity.
func withAuthorizationServer(
    _ binding: Signet_Server_V1_Binding = .identity, disk: Disk? = nil, time: ManualInstants = ManualInstants(),
    settings: HarnessSettings = oauthSettings,
    _ body: @escaping @Sendable (ControlPlaneUnderTest, TestIdentity) async throws -> Void
) async throws {
    try await withControlPlane(settings, disk: disk, time: time) { plane async throws in
        try await plane.local { client async throws in
            _ = try await client.createService("payments") { $0.binding = binding }
            _ = try await client.createService("inventory")
            _ = try await client.grant("/orders", "payments", ["payments:create", "payments:read"])
            _ = try await client.createService("reports")
            _ = try await client.grant("/orders", "reports", ["payments:create"])
        }
        try await body(plane, plane.mint("/orders"))
    }
}

/// What `/orders` asks for with its certificate.
let wish: Form = [
    "grant_type": "client_credentials", "client_id": "spiffe://example.org/orders", "audience": "payments",
    "scope": "payments:create",
]

/// The same with an assertion in the place of the certificate.
func wish(with assertion: String) -> Form {
    wish.without("client_id").and("client_assertion_type", jwtSPIFFE).and("client_assertion", assertion)
}

/// A form that is wrong in one way, and what is answered.
struct Refused: Sendable, CustomTestStringConvertible {
    let error: String
    let form: Form
    let testDescription: String

    init(_ testDescription: String, _ error: String, _ form: Form) {
        self.testDescription = testDescription
        self.error = error
        self.form = form
    }
}

@Suite("the token endpoint", .timeLimit(.minutes(3)))
struct TokenEndpointTests {
    @Test("RFC 6749 §4.4, RFC 9068 §2: a client with an X509-SVID gets a token of its service")
    func x509() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let reply = try await plane.post(wish, as: orders)
            #expect(reply.status == 200)
            #expect(reply.headers["Content-Type"] == ["application/json"])
            #expect(reply.headers["Cache-Control"] == ["no-store"])
            #expect(reply.headers["Pragma"] == ["no-cache"])
            // No refresh token (§4.4.3), and nothing else.
            #expect(reply.members.members.map(\.name) == ["access_token", "token_type", "expires_in", "scope"])
            #expect(reply.members["token_type"]?.string == "Bearer")
            #expect(reply.members["expires_in"]?.number?.int64 == 600)
            #expect(reply.members["scope"]?.string == "payments:create")

            let token = try UnverifiedJWT(parsing: try #require(reply.members["access_token"]?.string))
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            #expect(token.type == "at+jwt")
            #expect(token.keyID == key.id)
            let claims = try token.verify(with: key.publicKey)
            let now = Int64(plane.time.now.timeIntervalSince1970)
            #expect(claims["iss"]?.string == "https://tokens.example.org")
            #expect(claims["sub"]?.string == "spiffe://example.org/orders")
            #expect(claims["client_id"]?.string == "spiffe://example.org/orders")
            #expect(claims["aud"]?.string == "spiffe://example.org/payments")
            #expect(claims["scope"]?.string == "payments:create")
            #expect(claims["iat"]?.number?.int64 == now)
            #expect(claims["exp"]?.number?.int64 == now + 600)
            #expect(claims["jti"]?.string?.utf8.count == 22)
            #expect(claims["cnf"] == nil)
            #expect(plane.log.text.contains("access token issued"))
        }
    }

    @Test("spiffe_jwt: a client without a certificate gets one by a JWT-SVID, with or without its client_id")
    func jwt() async throws {
        try await withAuthorizationServer { plane, _ async throws in
            let assertion = try await plane.assertion("/orders")
            let reply = try await plane.post(wish(with: assertion), as: nil)
            #expect(reply.status == 200, "\(reply.members)")
            let named = try await plane.post(
                wish(with: assertion).and("client_id", "spiffe://example.org/orders"), as: nil)
            #expect(named.status == 200)
            #expect(!plane.log.text.contains(assertion))
        }
    }

    @Test("without a scope a token has everything that is granted, and the answer says what that is (§5.1)")
    func everything() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            for form in [wish.without("scope"), wish.with("scope", "")] {
                let reply = try await plane.post(form, as: orders)
                #expect(reply.members["scope"]?.string == "payments:create payments:read")
            }
        }
    }

    @Test("RFC 8707 §2: resource names the service by its URI, audience by URI or name, and both the same one")
    func targets() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let uri = "spiffe://example.org/payments"
            for form in [
                wish.without("audience").and("resource", uri), wish.with("audience", uri), wish.and("resource", uri),
            ] {
                #expect(try await plane.post(form, as: orders).status == 200)
            }
        }
    }

    @Test(
        "a request that is wrong in one way is refused with the code of the RFC",
        arguments: [
            Refused("§3.2: no grant_type", "invalid_request", wish.without("grant_type")),
            Refused("§3.2: a parameter twice", "invalid_request", wish.and("scope", "payments:create")),
            Refused("§5.2: another grant", "unsupported_grant_type", wish.with("grant_type", "password")),
            Refused(
                "RFC 7523 §2.1: an assertion as a grant", "unsupported_grant_type",
                wish.with("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")),
            Refused("RFC 8705 §2: no client_id", "invalid_request", wish.without("client_id")),
            Refused(
                "RFC 8705 §2: another's client_id", "invalid_client",
                wish.with("client_id", "spiffe://example.org/payments")),
            Refused("§2.3.1: a client secret", "invalid_client", wish.and("client_secret", "s3cret")),
            Refused(
                "§2.3: an assertion and a secret", "invalid_request",
                wish.and("client_secret", "x").and("client_assertion", "x").and("client_assertion_type", jwtSPIFFE)),
            Refused(
                "RFC 7521 §4.2: an assertion without its type", "invalid_request", wish.and("client_assertion", "x")),
            Refused(
                "RFC 7523 §2.2: an assertion of another type", "invalid_client",
                wish.and("client_assertion", "x").and(
                    "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")),
            Refused(
                "an assertion that is no token", "invalid_client",
                wish.and("client_assertion", "x").and("client_assertion_type", jwtSPIFFE)),
            Refused(
                "§3.3: a scope with a control character", "invalid_scope", wish.with("scope", "payments:create\u{7}")),
            Refused("§3.3: a scope with a quotation mark", "invalid_scope", wish.with("scope", "a\"b")),
            Refused("§3.3: two spaces", "invalid_scope", wish.with("scope", "payments:create  payments:read")),
            Refused("more than is granted", "invalid_scope", wish.with("scope", "payments:create payments:refund")),
            Refused("RFC 8707 §2: no target", "invalid_target", wish.without("audience")),
            Refused("RFC 8707 §2: an unknown target", "invalid_target", wish.with("audience", "nobody")),
            Refused("RFC 8707 §2: two targets", "invalid_target", wish.and("audience", "reports")),
            Refused(
                "RFC 8707 §2: targets that differ", "invalid_target",
                wish.and("resource", "spiffe://example.org/reports")),
            Refused("RFC 8707 §2: a resource that is no URI", "invalid_target", wish.and("resource", "payments")),
            Refused(
                "RFC 8707 §2: a resource with a fragment", "invalid_target",
                wish.and("resource", "spiffe://example.org/payments#a")),
            Refused("a service for which nothing is granted", "invalid_target", wish.with("audience", "inventory")),
        ])
    func refused(_ refused: Refused) async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let reply = try await plane.post(refused.form, as: orders)
            #expect(reply.status == 400)
            #expect(reply.error == refused.error)
            #expect(reply.members.members.map(\.name) == ["error", "error_description"])
            #expect(reply.headers["Cache-Control"] == ["no-store"])
            #expect(reply.headers["Pragma"] == ["no-cache"])
            #expect(reply.headers["WWW-Authenticate"] == [])
            // One line about each, and one record; others are served.
            #expect(plane.log.text.split(separator: "\n").count { $0.contains("request refused") } == 1)
            #expect(plane.tokenDecisions == [.refused])
            #expect(try await plane.post(wish, as: orders).status == 200)
            #expect(plane.tokenDecisions == [.refused, .issued])
        }
    }

    @Test("a client that is in no service and no grant is unknown (invalid_client)")
    func unregistered() async throws {
        try await withAuthorizationServer { plane, _ async throws in
            let other = try await plane.mint("/other")
            let reply = try await plane.post(wish.with("client_id", "spiffe://example.org/other"), as: other)
            #expect(reply.error == "invalid_client")
            let anonymous = try await plane.post(wish, as: nil)
            #expect(anonymous.error == "invalid_client")
            #expect(anonymous.status == 400)
        }
    }

    @Test("RFC 6749 §5.2: a client that used the Authorization field is answered 401 with its scheme")
    func authorizationField() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            for (value, challenge) in [
                ("Basic YTpi", "Basic realm=\"https://tokens.example.org\""),
                ("bearer x", "bearer realm=\"https://tokens.example.org\""),
                ("DPoP x", "DPoP realm=\"https://tokens.example.org\""),
                ("Digest username=\"a\"", "Digest realm=\"https://tokens.example.org\""),
                ("\"x\" y", "Basic realm=\"https://tokens.example.org\""),
                (String(repeating: "x", count: 65), "Basic realm=\"https://tokens.example.org\""),
            ] {
                let reply = try await plane.post(wish, as: orders, headers: [("Authorization", value)])
                #expect(reply.status == 401)
                #expect(reply.error == "invalid_client")
                #expect(reply.headers["WWW-Authenticate"] == [challenge])
            }
            let two = try await plane.post(
                wish.and("client_secret", "x"), as: orders, headers: [("Authorization", "Basic YTpi")])
            #expect(two.status == 400)
            #expect(two.error == "invalid_request")
        }
    }

    @Test("RFC 6749 §3.2: only POST, only a form, nothing in the URI")
    func requests() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let get = try await plane.https("GET", "/oauth2/token?\(wish.text)", as: orders)
            #expect(get.status == 405)
            #expect(get.headers["Allow"] == ["POST"])
            for headers in [
                [("Content-Type", "application/json")], [], [("Content-Type", "multipart/form-data")],
                [("Content-Type", ControlPlaneUnderTest.formType), ("Content-Type", "application/json")],
            ] {
                let reply = try await plane.https(
                    "POST", "/oauth2/token", as: orders, headers: headers, body: wish.text)
                #expect(reply.status == 400)
                #expect(reply.error == "invalid_request")
            }
            #expect(plane.tokenDecisions == Array(repeating: .refused, count: 4))
            #expect(try await plane.post(wish, as: orders).status == 200)
            let query = try await plane.post(wish, to: "/oauth2/token?scope=a", as: orders)
            #expect(query.error == "invalid_request")
            let long = try await plane.post(wish.and("x", String(repeating: "x", count: 70_000)), as: orders)
            #expect(long.status == 413)
            #expect(long.error == "invalid_request")
            #expect(try await plane.post(wish, to: "/oauth2/token/", as: orders).status == 404)
            #expect(try await plane.post(wish, to: "/OAuth2/token", as: orders).status == 404)
        }
    }

    @Test("JWT-SVID assertions: only this issuer, alone, and only what its own authorities signed for the client")
    func assertions() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let issuer = "https://tokens.example.org"
            for audience in [
                ["https://other.example.org"], [issuer, "https://other.example.org"], [issuer + "/oauth2/token"],
            ] {
                let assertion = try await plane.assertion("/orders", audience: audience)
                #expect(try await plane.post(wish(with: assertion), as: nil).error == "invalid_client", "\(audience)")
            }
            #expect(plane.tokenDecisions == Array(repeating: .refused, count: 3))
            let long = try await plane.assertion("/orders", ttl: 3_601)
            #expect(try await plane.post(wish(with: long), as: nil).error == "invalid_client")
            let right = try await plane.assertion("/orders")
            #expect(
                try await plane.post(wish(with: right).and("client_id", "spiffe://example.org/payments"), as: nil).error
                    == "invalid_client")
            // A certificate of the same client is no second way, one of another is another client.
            #expect(try await plane.post(wish(with: right), as: orders).status == 200)
            let payments = try await plane.mint("/payments")
            #expect(try await plane.post(wish(with: right), as: payments).error == "invalid_client")
            // An access token is no assertion.
            let token = try await plane.post(wish, as: orders).members["access_token"]?.string ?? ""
            #expect(try await plane.post(wish(with: token), as: nil).error == "invalid_client")
            plane.time.advance(by: .seconds(61))
            #expect(try await plane.post(wish(with: right), as: nil).error == "invalid_client")
        }
    }

    @Test("an agent is no client: nothing below /spire is")
    func reserved() async throws {
        try await withAuthorizationServer { plane, _ async throws in
            let agent = try await plane.newAgent()
            let reply = try await plane.post(wish.with("client_id", agent.id.uri), as: agent)
            #expect(reply.error == "invalid_client")
        }
    }

    @Test(
        "RFC 8705 §3.1: a service with certificate binding has tokens with the hash of the certificate at the endpoint")
    func bound() async throws {
        try await withAuthorizationServer(.certificate) { plane, orders async throws in
            let reply = try await plane.post(wish, as: orders)
            let key = try #require(plane.tokenKeys?.state.current.keys.first)
            let claims = try UnverifiedJWT(parsing: try #require(reply.members["access_token"]?.string))
                .verify(with: key.publicKey)
            let hash = Array(SHA256.hash(data: try #require(orders.svid.certificates.first).derBytes))
            #expect(claims["cnf"] == ["x5t#S256": .string(Base64URL.encode(hash))])
            // By an assertion alone there is no certificate; beside a certificate there is.
            let assertion = try await plane.assertion("/orders")
            #expect(try await plane.post(wish(with: assertion), as: nil).error == "invalid_request")
            let both = try await plane.post(wish(with: assertion), as: orders)
            #expect(both.status == 200)
        }
    }

    @Test("what is revoked authenticates nobody, and what is issued afterwards does")
    func revoked() async throws {
        try await withAuthorizationServer { plane, orders async throws in
            let assertion = try await plane.assertion("/orders")
            let other = try await plane.mint("/orders")
            try await plane.local { client async throws in
                _ = try await client.revoke { $0.certificateSerial = orders.serialNumberInHexadecimal }
            }
            #expect(try await plane.post(wish, as: orders).error == "invalid_client")
            #expect(try await plane.post(wish, as: other).status == 200)
            try await plane.local { client async throws in
                _ = try await client.revoke { $0.spiffeID = "spiffe://example.org/orders" }
            }
            #expect(try await plane.post(wish, as: other).error == "invalid_client")
            #expect(try await plane.post(wish(with: assertion), as: nil).error == "invalid_client")
            plane.time.advance(by: .seconds(2))
            #expect(try await plane.post(wish, as: other).error == "invalid_client")
            let next = try await plane.mint("/orders")
            #expect(try await plane.post(wish, as: next).status == 200)
            #expect(try await plane.post(wish(with: plane.assertion("/orders")), as: nil).status == 200)
        }
    }
}

extension ControlPlaneUnderTest {
    /// What the records say of each token that was asked for.
    fileprivate var tokenDecisions: [AuditEvent.Decision] {
        self.audit.events.filter { $0.kind == .accessToken }.map(\.decision)
    }
}

extension TestIdentity {
    /// The serial number as revocations name it.
    var serialNumberInHexadecimal: String {
        let digits = (self.svid.certificates.first?.serialNumber.bytes ?? []).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        return String(digits.drop { $0 == "0" })
    }
}
