import JOSE
import TestSupport
import Testing

@Suite("JWT parsing and verification (RFC 7515, JWT-SVID §2 and §4)", .timeLimit(.minutes(1)))
struct UnverifiedJWTTests {
    private static let claims = #"{"sub":"spiffe://example.org/web","aud":["reports"],"exp":4102444800}"#

    private func parse(header: String, payload: String = Self.claims) throws -> UnverifiedJWT {
        try UnverifiedJWT(parsing: TestKeys.token(header: header, payload: payload))
    }

    @Test("a token of each algorithm verifies with the key it was signed with", arguments: SignatureAlgorithm.allCases)
    func algorithms(algorithm: SignatureAlgorithm) throws {
        let token = try UnverifiedJWT(
            parsing: TestKeys.token(
                header: #"{"alg":"\#(algorithm.rawValue)","kid":"k","typ":"JWT"}"#, payload: Self.claims,
                algorithm: algorithm), algorithms: SignatureAlgorithm.allCases)
        #expect(token.algorithm == algorithm)
        #expect(token.keyID == "k")
        #expect(token.type == "JWT")
        #expect(token.untrustedSubject == "spiffe://example.org/web")
        let claims = try token.verify(with: TestKeys.publicKey(algorithm))
        #expect(claims["aud"] == ["reports"])
    }

    @Test("the signed example of RFC 8037 A.4 verifies with the key of A.2, and only where EdDSA is allowed")
    func edDSA() throws {
        // Its payload is no JSON object, so the parts are taken one by one.
        let key = try #require(
            try JSONWebKey(
                ["kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"],
                allowsEd25519: true
            ).publicKey)
        let signature = try Base64URL.decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        #expect(key.isValidSignature(signature, for: Array(input.utf8), algorithm: .edDSA))
        #expect(!key.isValidSignature(signature, for: Array(input.utf8.dropLast()), algorithm: .edDSA))
        #expect(
            key.subjectPublicKeyInfoDER.suffix(32)
                == Array(
                    try Base64URL.decode(
                        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))[...])

        let token = try TestKeys.token(header: #"{"alg":"EdDSA"}"#, payload: Self.claims, algorithm: .edDSA)
        #expect(throws: JWTError.unsupportedAlgorithm("EdDSA")) { try UnverifiedJWT(parsing: token) }
    }

    @Test("JWT-06, JWT-07: kid and typ may be left out")
    func optional() throws {
        let token = try self.parse(header: #"{"alg":"ES256"}"#)
        #expect(token.keyID == nil)
        #expect(token.type == nil)
    }

    @Test(
        "JWT-05: every other alg is refused",
        arguments: ["none", "None", "NONE", "HS256", "HS512", "EdDSA", "ES256K", "rs256", "es256", "RS1", "", "ES256 "])
    func unsupported(algorithm: String) throws {
        #expect(throws: JWTError.unsupportedAlgorithm(algorithm)) {
            try self.parse(header: #"{"alg":"\#(algorithm)"}"#)
        }
    }

    @Test(
        "JWT-05: a missing alg, or one that is no string, is refused",
        arguments: ["{}", #"{"alg":null}"#, #"{"alg":["ES256"]}"#, #"{"alg":256}"#])
    func missing(header: String) {
        #expect(throws: JWTError.missingAlgorithm) { try self.parse(header: header) }
    }

    @Test("JWT-05: HS256 signed with the bytes of the public key is refused")
    func confusion() throws {
        let header = Array(#"{"alg":"HS256"}"#.utf8).base64URL
        let token = header + "." + Array(Self.claims.utf8).base64URL + "." + [UInt8](repeating: 7, count: 32).base64URL
        #expect(throws: JWTError.unsupportedAlgorithm("HS256")) { try UnverifiedJWT(parsing: token) }
    }

    @Test(
        "JWT-20: alg is judged before everything else in the token",
        arguments: ["!.!", "", "e30", "e30.", "!!!!.e30.x", "e30.e30.e30.e30"])
    func algorithmFirst(rest: String) {
        let header = Array(#"{"alg":"none","crit":["x"],"kid":5}"#.utf8).base64URL
        #expect(throws: JWTError.unsupportedAlgorithm("none")) { try UnverifiedJWT(parsing: header + "." + rest) }
    }

    @Test("an alg of any length is shown up to 64 bytes")
    func longAlgorithm() {
        let name = String(repeating: "é", count: 100)
        #expect(throws: JWTError.unsupportedAlgorithm(String(repeating: "é", count: 32))) {
            try self.parse(header: #"{"alg":"\#(name)"}"#)
        }
    }

    @Test(
        "JWT-38: crit is refused whatever it names",
        arguments: [#""crit":["x"],"x":1"#, #""b64":false,"crit":["b64"]"#, #""crit":[]"#, #""crit":null"#])
    func critical(members: String) {
        #expect(throws: JWTError.criticalHeader) { try self.parse(header: #"{"alg":"ES256",\#(members)}"#) }
    }

    @Test("JWT-02: keys that the header brings along or points to are never used")
    func headerKeys() throws {
        let key = JSONWebKey(publicKey: try TestKeys.publicKey(.es256)).object()
        let jwk = JSON.serialize(.object(key)).text
        let token = try self.parse(
            header: #"{"alg":"ES256","jwk":\#(jwk),"jku":"https://a/b","x5u":"https://a/c","x5c":["MIIB"]}"#)
        let other = try #require(try JSONWebKey(RFC7515Vectors.a3Key.object ?? [:]).publicKey)
        #expect(throws: JWTError.invalidSignature) { try token.verify(with: other) }
    }

    @Test(
        "JWT-08: header members of the wrong type are refused",
        arguments: [(#""kid":1"#, "kid"), (#""kid":null"#, "kid"), (#""typ":5"#, "typ"), (#""typ":null"#, "typ")])
    func memberTypes(member: String, name: String) {
        #expect(throws: JWTError.headerMemberType(name)) { try self.parse(header: #"{"alg":"ES256",\#(member)}"#) }
    }

    @Test("JWT-39: duplicate members in header or payload are refused")
    func duplicates() {
        #expect(throws: JWTError.malformedHeader(.duplicateMember("alg"))) {
            try self.parse(header: #"{"alg":"ES256","alg":"ES256"}"#)
        }
        #expect(throws: JWTError.malformedPayload(.duplicateMember("sub"))) {
            try self.parse(header: #"{"alg":"ES256"}"#, payload: #"{"sub":"spiffe://a/x","sub":"spiffe://b/x"}"#)
        }
    }

    @Test(
        "JWT-01, JWT-03, JWT-24: everything but three parts is refused",
        arguments: [
            "", "e30", #"{"payload":"e30","signatures":[]}"#, #"{"payload":"e30","protected":"e30","signature":"AA"}"#,
            "eyJhbGciOiJFUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9.e30", "eyJhbGciOiJFUzI1NiJ9.e30.AA.AA.AA",
            "eyJhbGciOiJFUzI1NiJ9.e30.AA.",
        ])
    func notCompact(token: String) {
        #expect(throws: JWTError.notCompact) { try UnverifiedJWT(parsing: token) }
    }

    @Test(
        "parts that are not what they must be are refused, and why",
        arguments: [
            ("{}.e30.AA", .headerEncoding(.invalidCharacter(offset: 0))), (".e30.AA", .malformedHeader(.unexpectedEnd)),
            ("W10.e30.AA", .headerNotObject), ("eyJhbGciOiJFUzI1NiJ9..AA", .malformedPayload(.unexpectedEnd)),
            ("eyJhbGciOiJFUzI1NiJ9.e30=.AA", .payloadEncoding(.invalidCharacter(offset: 3))),
            ("eyJhbGciOiJFUzI1NiJ9.W10.AA", .payloadNotObject), ("eyJhbGciOiJFUzI1NiJ9.e30.", .malformedSignature),
            ("eyJhbGciOiJFUzI1NiJ9.e30.AB", .malformedSignature),
            ("eyJhbGciOiJFUzI1NiJ9.e30.AA==", .malformedSignature),
            (" eyJhbGciOiJFUzI1NiJ9.e30.AA", .headerEncoding(.invalidLength(21))),
        ] as [(String, JWTError)])
    func malformed(token: String, error: JWTError) {
        #expect(throws: error) { try UnverifiedJWT(parsing: token) }
    }

    @Test("a token of the greatest length is read, one byte more is not")
    func tooLong() throws {
        func token(_ length: Int) throws -> String {
            var payload = #"{"p":""#
            let overhead = try TestKeys.token(header: #"{"alg":"ES256"}"#, payload: "").utf8.count
            while overhead + ((payload.utf8.count + 2) * 4 + 2) / 3 < length { payload += "x" }
            return try TestKeys.token(header: #"{"alg":"ES256"}"#, payload: payload + #""}"#)
        }
        let longest = try token(UnverifiedJWT.maxTokenBytes)
        #expect(longest.utf8.count == UnverifiedJWT.maxTokenBytes)
        _ = try UnverifiedJWT(parsing: longest).verify(with: TestKeys.publicKey(.es256))
        #expect(throws: JWTError.tooLong(maxBytes: 16_384)) { try UnverifiedJWT(parsing: longest + "A") }
    }

    @Test("JWT-35: a key of another type or curve than alg needs is refused")
    func keyMismatch() throws {
        let token = try self.parse(header: #"{"alg":"ES384"}"#)
        #expect(throws: JWTError.algorithmDoesNotMatchKey(.es384)) {
            try token.verify(with: TestKeys.publicKey(.es256))
        }
        let rsa = try self.parse(header: #"{"alg":"RS256"}"#)
        #expect(throws: JWTError.algorithmDoesNotMatchKey(.rs256)) { try rsa.verify(with: TestKeys.publicKey(.es256)) }
    }

    @Test("a subject that is no string is none")
    func subject() throws {
        #expect(try self.parse(header: #"{"alg":"ES256"}"#, payload: #"{"sub":5}"#).untrustedSubject == nil)
    }

    @Test("a token is never shown")
    func redacted() throws {
        let token = try self.parse(header: #"{"alg":"ES256"}"#)
        var dumped = ""
        dump(token, to: &dumped)
        #expect("\(token)" == "<redacted>")
        #expect(String(reflecting: token) == "<redacted>")
        #expect(!dumped.contains("spiffe") && !dumped.contains("Input"))
    }

    @Test("JWT-21: no change to a token leaves it valid, and nothing traps")
    func mutations() throws {
        let key = try TestKeys.publicKey(.es256)
        let seeds = try [#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, #"{"alg":"ES256"}"#]
            .map { Array(try TestKeys.token(header: $0, payload: Self.claims).utf8) }
        var parsed = 0
        for bytes in Mutations(of: seeds, count: 20_000, seed: 5) where !seeds.contains(bytes) {
            guard let token = try? UnverifiedJWT(parsing: bytes.text) else { continue }
            parsed += 1
            #expect((try? token.verify(with: key)) == nil)
        }
        #expect(parsed > 1_000)
    }
}
