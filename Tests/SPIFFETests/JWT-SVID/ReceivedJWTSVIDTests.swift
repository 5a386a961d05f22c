import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("JWT-SVID as received from the Workload API", .timeLimit(.minutes(1)))
struct ReceivedJWTSVIDTests {
    private static let web = "spiffe://example.org/web"

    @Test("JWT-24: a token in compact serialization is taken as it is, with its hint")
    func received() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let token = try authority.jwt(sub: Self.web, aud: ["reports"])
        let svid = try JWTSVID(receivedFromWorkloadAPI: token, hint: "internal")
        #expect(svid.id.uri == Self.web)
        #expect(svid.audience == ["reports"])
        #expect(svid.expiresAt == authority.now.addingTimeInterval(300))
        #expect(svid.token == token)
        #expect(svid.hint == "internal")
    }

    @Test("JWT-24: every other form is refused", arguments: Vector.all("jwt-svid", rule: "JWT-01"))
    func otherForms(_ vector: Vector) throws {
        let token = try vector.bytes("token.txt").text
        #expect(throws: JWTSVIDError.token(.notCompact)) { try JWTSVID(receivedFromWorkloadAPI: token) }
    }

    @Test("what needs no key and no clock is checked")
    func checked() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        for (header, claims, removed, error) in [
            (["alg": "none"], [:], "", JWTSVIDError.token(.unsupportedAlgorithm("none"))),
            (["typ": "at+jwt"], [:], "", .unsupportedType("at+jwt")),
            ([:], ["sub": "x"], "", .invalidSubject(.wrongScheme)), ([:], [:], "sub", .missingSubject),
            ([:], [:], "aud", .missingAudience), ([:], [:], "exp", .missingExpiration),
            ([:], ["iat": "x"], "", .malformedClaim("iat")),
        ] as [([String: JSONValue], [String: JSONValue], String, JWTSVIDError)] {
            let token = try authority.jwt(
                sub: Self.web, aud: ["reports"], header: header, claims: claims, removing: [removed])
            #expect(throws: error) { try JWTSVID(receivedFromWorkloadAPI: token) }
        }
    }

    @Test("the token is in no description and no dump")
    func redaction() throws {
        let token = try TestAuthority(trustDomain: "example.org").jwt(sub: Self.web, aud: ["reports"])
        let svid = try JWTSVID(receivedFromWorkloadAPI: token)
        var text = "\(svid) \(String(reflecting: svid))"
        dump(svid, to: &text)
        #expect(text.contains(Self.web))
        for part in token.split(separator: ".") { #expect(!text.contains(part)) }
    }
}
