import AccessTokens
import SPIFFE
import ServiceAuthorization
import Testing

@Suite("RFC 6750 §2.1 and §3", .timeLimit(.minutes(1)))
struct BearerTests {
    @Test("the scheme is compared without case", arguments: ["Bearer a.b-c_d~e+f/g==", "bearer a", "BEARER   a"])
    func accepted(value: String) throws {
        #expect(try !BearerCredentials.token(authorization: [value]).contains(" "))
    }

    @Test("no header, or one of another scheme, is no token", arguments: [[], ["Basic a"], ["Bearera"], [""]])
    func missing(values: [String]) {
        #expect(throws: TokenRefusal.missingToken) { try BearerCredentials.token(authorization: values) }
    }

    @Test(
        "two headers, and tokens of other characters, are malformed",
        arguments: [
            ["Bearer a", "Bearer a"], ["Bearer"], ["Bearer "], ["Bearer a b"], ["Bearer a,b"], ["Bearer =a"],
            ["Bearer a=b"], ["Bearer \"a\""], ["Bearer é"],
        ])
    func malformed(values: [String]) {
        #expect(throws: TokenRefusal.malformedRequest) { try BearerCredentials.token(authorization: values) }
    }

    @Test("status and challenge are those of RFC 6750")
    func challenges() throws {
        let needed = ScopeRequirement.any(try ScopeSet(parsing: "b a"))
        let cases: [(TokenRefusal, Int, String?)] = [
            (.missingToken, 401, #"Bearer realm="payments""#),
            (.noPeer, 401, #"Bearer realm="payments""#),
            (.malformedRequest, 400, #"Bearer realm="payments", error="invalid_request""#),
            (
                .token(.certificateMismatch), 401,
                #"Bearer realm="payments", error="invalid_token", error_description="certificate_mismatch""#
            ),
            (
                .token(.insufficientScope(needed)), 403,
                #"Bearer realm="payments", error="insufficient_scope", scope="a b""#
            ),
            (.noRule, 403, nil),
            (.noState, 503, nil),
            (.stateTooOld(age: .seconds(31)), 503, nil),
            (.stateOfOtherIssuer, 503, nil),
        ]
        for (refusal, status, challenge) in cases {
            #expect(refusal.httpStatus == status)
            #expect(refusal.challenge(realm: "payments") == challenge)
        }
    }
}
