import SPIFFE
import TestSupport
import Testing

@Suite("JWT-SVID §5: transmission", .timeLimit(.minutes(1)))
struct BearerTokenTests {
    @Test("JWT-25: the scheme is read without case", arguments: ["Bearer", "bearer", "BEARER"])
    func scheme(_ scheme: String) throws {
        #expect(try BearerToken.token(authorization: ["\(scheme) a.b-_.c"]) == "a.b-_.c")
    }

    @Test("JWT-25: a token may end in padding, and holds what base64 and base64url do")
    func characters() throws {
        let token = "azAZ09-._~+/=="
        #expect(try BearerToken.token(authorization: ["Bearer \(token)"]) == token)
    }

    @Test("JWT-25: a request without credentials of the scheme has no token", arguments: [[], [""], ["Basic YTpi"]])
    func missing(_ values: [String]) {
        #expect(throws: BearerTokenError.missing) { try BearerToken.token(authorization: values) }
    }

    @Test(
        "JWT-25: a token comes once and whole",
        arguments: [
            ["Bearer a", "Bearer a"], ["Bearer"], ["Bearer "], ["Bearer a b"], ["Bearer a,b"], ["Bearer ä"],
            ["Bearer ="], ["Bearer a=b"], ["Bearer =a"], ["Bearer a\n"],
        ])
    func malformed(_ values: [String]) {
        #expect(throws: BearerTokenError.malformed) { try BearerToken.token(authorization: values) }
    }

    @Test(
        "JWT-33: a token goes over TLS, or within a machine",
        arguments: [
            "https://reports.example.org/a", "HTTPS://reports", "http://localhost:8080/", "http://LOCALHOST",
            "http://127.0.0.1:80/a", "http://127.1.2.3?x", "http://[::1]", "http://[::1]:80/",
            "http+unix://%2Frun%2Fa/b",
        ])
    func confidential(_ url: String) throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.jwt(sub: "spiffe://example.org/web", aud: ["reports"])
        let svid = try JWTSVID(receivedFromWorkloadAPI: token)
        #expect(try svid.authorization(for: url) == "Bearer \(token)")
        #expect(try BearerToken.token(authorization: [svid.authorization]) == token)
    }

    @Test(
        "JWT-33: a token does not go where others can read it",
        arguments: [
            "http://reports.example.org/a", "http://10.0.0.1", "http://127.0.0.1.example.org", "http://localhost.test",
            "http://127.0.0.1@reports/", "http://localhost:80@reports/", "http://[::2]/", "http://[::1]x/",
            "ftp://localhost/", "http:/localhost", "reports", "", "http://", "http://127.1/",
            "http://reports\\@localhost/",
        ])
    func insecure(_ url: String) throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let svid = try JWTSVID(
            receivedFromWorkloadAPI: authority.jwt(sub: "spiffe://example.org/web", aud: ["reports"]))
        #expect(throws: BearerTokenError.insecureTarget) { try svid.authorization(for: url) }
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() {
        let errors: [BearerTokenError] = [.missing, .malformed, .insecureTarget]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
