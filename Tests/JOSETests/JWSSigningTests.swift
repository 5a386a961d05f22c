import JOSE
import TestSupport
import Testing

@Suite("Making tokens", .timeLimit(.minutes(1)))
struct JWSSigningTests {
    private struct Refused: Error, Equatable {}

    private let header: JSONObject = ["alg": "ES256", "kid": "k", "typ": "JWT"]
    private let claims: JSONObject = ["sub": "spiffe://example.org/web", "aud": ["reports"], "exp": 1]

    @Test("JWT-24: header and claims are written as they are, in three parts")
    func parts() throws {
        let token = JWSSigning.compactSynchronously(header: self.header, claims: self.claims) { _ in [1, 2, 3] }
        let parts = token.split(separator: ".")
        #expect(try Base64URL.decode(parts[0]).text == #"{"alg":"ES256","kid":"k","typ":"JWT"}"#)
        #expect(try Base64URL.decode(parts[1]).text == #"{"sub":"spiffe://example.org/web","aud":["reports"],"exp":1}"#)
        #expect(parts[2] == "AQID")
        #expect(parts.count == 3)
    }

    @Test("a token made here verifies here")
    func verifies() async throws {
        let token = try await JWSSigning.compact(header: self.header, claims: self.claims) {
            try TestKeys.sign($0, .es256)
        }
        #expect(try UnverifiedJWT(parsing: token).verify(with: TestKeys.publicKey(.es256)) == self.claims)
    }

    @Test("a signer's refusal is passed on")
    func refused() async {
        await #expect(throws: Refused()) {
            try await JWSSigning.compact(header: self.header, claims: self.claims) { _ in throw Refused() }
        }
        #expect(throws: Refused()) {
            try JWSSigning.compactSynchronously(header: self.header, claims: self.claims) { _ throws(Refused) in
                throw Refused()
            }
        }
    }
}
