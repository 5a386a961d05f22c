import AccessGrants
import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import Testing

@Suite("Access tokens, RFC 9068 §2", .timeLimit(.minutes(1)))
struct AccessTokenContentTests {
    private func content(certificate: [UInt8]? = nil) throws -> AccessTokenContent {
        AccessTokenContent(
            issuer: "https://tokens.example.org", subject: try GrantFixture.id("/orders"),
            audience: try AudienceURI(parsing: "spiffe://example.org/payments"),
            scopes: try ScopeSet(parsing: ["payments:create", "payments:read"]), lifetime: .seconds(600),
            certificateSHA256: certificate, now: GrantFixture.now.addingTimeInterval(0.9))
    }

    @Test("§2.1: the header names the type at+jwt, the algorithm and the key, and nothing else")
    func header() throws {
        let key = P256.Signing.PrivateKey()
        let token = try self.content().signed(keyID: "k", algorithm: .es256) { input in
            Array(try key.signature(for: Data(input)).rawRepresentation)
        }
        let part = try #require(token.split(separator: ".").first)
        let header = try JSON.parse(Base64URL.decode(String(part)), maxBytes: 1_024)
        #expect(header == ["alg": "ES256", "kid": "k", "typ": "at+jwt"])
        let claims = try UnverifiedJWT(parsing: token).verify(with: PublicKey(key.publicKey))
        #expect(claims["sub"]?.string == "spiffe://example.org/orders")
    }

    @Test("§2.2: iss, sub, client_id, one aud, scope, jti, iat and exp, in whole seconds")
    func claims() throws {
        let content = try self.content()
        let claims = content.claims
        #expect(
            claims.members.map(\.name).sorted() == ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"])
        #expect(claims["iss"] == "https://tokens.example.org")
        #expect(claims["sub"] == claims["client_id"])
        #expect(claims["aud"] == "spiffe://example.org/payments")
        #expect(claims["scope"] == "payments:create payments:read")
        #expect(claims["iat"]?.number?.int64 == 1_800_000_000)
        #expect(claims["exp"]?.number?.int64 == 1_800_000_600)
        #expect(claims["jti"]?.string?.utf8.count == 22)
        #expect(try self.content().id != content.id)
    }

    @Test("no jti begins like an option of a command")
    func commandLines() throws {
        // Of this many, fifteen would by chance.
        for _ in 1...1_000 { #expect(try !self.content().id.hasPrefix("-")) }
    }

    @Test("RFC 8705 §3.1: a token that is bound names the certificate's SHA-256")
    func binding() throws {
        let claims = try self.content(certificate: Array(repeating: 0xFF, count: 32)).claims
        #expect(claims["cnf"]?.object?["x5t#S256"]?.string == "__________________________________________8")
        #expect(claims["cnf"]?.object?.members.count == 1)
    }

    @Test(
        "an issuer is an https URL in one spelling",
        arguments: ["https://a.test", "https://a.test:8443", "https://a.test/b/c", "https://10.0.0.1"])
    func issuers(text: String) {
        #expect(IssuerURL(text)?.text == text)
    }

    @Test(
        "RFC 8414 §2: any other is refused",
        arguments: [
            "http://a.test", "https://", "https:///a", "https://a.test/", "https://a.test?b", "https://a.test#b",
            "https://A.test", "https://a.test:0", "https://a.test:08", "https://a.test:99999", "https://u@a.test",
            "https://a.test/b/", "https://a.test//b", "https://a.test/../b", "https://a.test/%20", "HTTPS://a.test", "",
        ])
    func noIssuers(text: String) {
        #expect(IssuerURL(text) == nil)
    }
}
