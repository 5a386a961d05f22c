import JOSE
import TestSupport
import Testing

/// The examples of RFC 7515 Appendix A.
enum RFC7515Vectors {
    static let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static let a1 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(payload).dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let a2 = """
        eyJhbGciOiJSUzI1NiJ9.\(payload).cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_\
        O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN\
        9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig\
        cN_IoypGlUPQGe77Rw
        """
    static let a2Key: JSONValue = [
        "kty": "RSA",
        "n": """
        ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W\
        _YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\
        Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ
        """,
        "e": "AQAB",
    ]
    static let a3 =
        "eyJhbGciOiJFUzI1NiJ9.\(payload).DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    static let a3Key: JSONValue = [
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ]
    static let a4Input = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA"
    static let a4Signature = """
        AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpR\
        wcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn
        """
    static let a4Key: JSONValue = [
        "kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    ]
    static let a5 = "eyJhbGciOiJub25lIn0.\(payload)."
}

@Suite("The examples of RFC 7515 Appendix A", .timeLimit(.minutes(1)))
struct RFC7515Tests {
    private func key(_ value: JSONValue) throws -> PublicKey {
        try #require(try JSONWebKey(value.object ?? [:]).publicKey)
    }

    @Test("A.1, HMAC, and A.5, unsecured, are refused by their alg")
    func refused() {
        #expect(throws: JWTError.unsupportedAlgorithm("HS256")) { try UnverifiedJWT(parsing: RFC7515Vectors.a1) }
        #expect(throws: JWTError.unsupportedAlgorithm("none")) { try UnverifiedJWT(parsing: RFC7515Vectors.a5) }
    }

    @Test("A.2 and A.3 verify, each with its own key only")
    func verified() throws {
        let (rsa, ec) = (try self.key(RFC7515Vectors.a2Key), try self.key(RFC7515Vectors.a3Key))
        let expected: JSONObject = ["iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true]
        #expect(try UnverifiedJWT(parsing: RFC7515Vectors.a2).verify(with: rsa) == expected)
        #expect(try UnverifiedJWT(parsing: RFC7515Vectors.a3).verify(with: ec) == expected)
        #expect(throws: JWTError.algorithmDoesNotMatchKey(.rs256)) {
            try UnverifiedJWT(parsing: RFC7515Vectors.a2).verify(with: ec)
        }
    }

    @Test("A.4, whose payload is no JSON, is a valid signature and no token")
    func es512() throws {
        let signature = try Base64URL.decode(RFC7515Vectors.a4Signature)
        #expect(
            try self.key(RFC7515Vectors.a4Key).isValidSignature(
                signature, for: Array(RFC7515Vectors.a4Input.utf8), algorithm: .es512))
        #expect(throws: JWTError.malformedPayload(.unexpectedByte(0x50, offset: 0))) {
            try UnverifiedJWT(parsing: RFC7515Vectors.a4Input + "." + RFC7515Vectors.a4Signature)
        }
    }
}

/// Tokens that were made with Python's `cryptography`, whose private keys are gone.
@Suite("Tokens of another implementation", .timeLimit(.minutes(1)))
struct ForeignTokenTests {
    private static let key: JSONObject = [
        "kty": "EC", "crv": "P-256", "x": "LeQdU1GYLOrQ3jpvAmmiZ6iCw6Mot2x2N5dJ6iCo89Y",
        "y": "WXl2nmzS-TczSNBQ0P0kI4-oyBSYBNZN3d_WKpVjDSM", "use": "jwt-svid", "kid": "jwt-1",
    ]

    @Test(
        "their signatures verify; what is wrong with them otherwise is not for JWS to say",
        arguments: [
            (
                "jwt_ok",
                """
                eyJhbGciOiJFUzI1NiIsImtpZCI6Imp3dC0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy93ZWIiLCJhdWQiOl\
                sicmVwb3J0cyJdLCJleHAiOjQxMDI0NDQ4MDAsImlhdCI6MTczNTY4OTYwMH0.YbMjaJNzBmXvlGKrqmDPm-cmbnirVHTAMxziQV1FLRZ9znXZuBJo\
                rpb66ZJGk4U-N5ST6_08lCl8p4EHeUuE9Q
                """, "JWT",
                ["sub": "spiffe://example.org/web", "aud": ["reports"], "exp": 4_102_444_800, "iat": 1_735_689_600]
            ),
            (
                "jwt_bad_typ",
                """
                eyJhbGciOiJFUzI1NiIsImtpZCI6Imp3dC0xIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy93ZWIiLCJhdW\
                QiOlsicmVwb3J0cyJdLCJleHAiOjQxMDI0NDQ4MDB9.2VDhYVwwVtouzxxtRAM1qAAVEf-NVA0rrDrKZIh153VTgrqHLXTCvvfBecdoZuhspmW3zUm\
                5Dn2UZV1Z8bU22w
                """, "at+jwt", ["sub": "spiffe://example.org/web", "aud": ["reports"], "exp": 4_102_444_800]
            ),
            (
                "jwt_no_exp",
                """
                eyJhbGciOiJFUzI1NiIsImtpZCI6Imp3dC0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy93ZWIiLCJhdWQiOl\
                sicmVwb3J0cyJdfQ.asQHTtHbMSby-uSECEa2xdxvBvHocIG0llBZMsE1Sek57V2jzbjKfg7NtWoPzv0Y_D3bJE5o18Kp7thwlf5fUQ
                """, "JWT", ["sub": "spiffe://example.org/web", "aud": ["reports"]]
            ),
            (
                "jwt_no_aud",
                """
                eyJhbGciOiJFUzI1NiIsImtpZCI6Imp3dC0xIiwidHlwIjoiSldUIn0.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy93ZWIiLCJleHAiOj\
                QxMDI0NDQ4MDB9.CKVrCrJYjlX9RkMEQggBp5j1eezjoC_P1VO0TSkmyb-gw3Fsp1QBF3sZKQC_gimU8b7dclr0SERvAv0I_wCEXw
                """, "JWT", ["sub": "spiffe://example.org/web", "exp": 4_102_444_800]
            ),
        ] as [(String, String, String, JSONObject)])
    func verified(name: String, text: String, type: String, claims: JSONObject) throws {
        let key = try JSONWebKey(Self.key)
        let token = try UnverifiedJWT(parsing: text)
        #expect(token.algorithm == .es256)
        #expect(token.keyID == key.keyID)
        #expect(token.type == type)
        #expect(try token.verify(with: #require(key.publicKey)) == claims)
    }
}
