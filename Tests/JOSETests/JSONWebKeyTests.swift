import JOSE
import TestSupport
import Testing

@Suite("JSON Web Keys (RFC 7517)", .timeLimit(.minutes(1)))
struct JSONWebKeyTests {
    private func parse(_ text: String) throws -> JSONWebKey {
        try JSONWebKey(#require(JSON.parse(text.utf8, maxBytes: 10_000).object))
    }

    private static let ec =
        #""kty":"EC","crv":"P-256","x":"LeQdU1GYLOrQ3jpvAmmiZ6iCw6Mot2x2N5dJ6iCo89Y","y":"WXl2nmzS-TczSNBQ0P0kI4-oyBSYBNZN3d_WKpVjDSM""#

    @Test("an entry is read and written in the order kty, parameters, use, kid, x5c")
    func order() throws {
        let key = try self.parse(#"{"kid":"jwt-1","x5c":["MIIB"],"alg":"ES256","use":"jwt-svid",\#(Self.ec)}"#)
        #expect(key.kty == "EC")
        #expect(key.use == "jwt-svid")
        #expect(key.keyID == "jwt-1")
        #expect(key.x5c == ["MIIB"])
        #expect(key.publicKey?.supportedAlgorithms == [.es256])
        #expect(!key.hasPrivateMembers)
        #expect(
            JSON.serialize(.object(key.object())).text
                == "{\(Self.ec),\"use\":\"jwt-svid\",\"kid\":\"jwt-1\",\"x5c\":[\"MIIB\"]}")
    }

    @Test(
        "a key of each type comes back from its entry", arguments: [SignatureAlgorithm.es256, .es384, .es512, .rs256])
    func roundTrip(algorithm: SignatureAlgorithm) throws {
        let key = JSONWebKey(publicKey: try TestKeys.publicKey(algorithm), use: "jwt-svid", keyID: "a")
        #expect(try JSONWebKey(key.object()) == key)
    }

    @Test("BUN-19: only the public key, use, kid and x5c are written")
    func written() throws {
        let key = try self.parse(#"{\#(Self.ec),"alg":"ES256","key_ops":["verify"],"x5t":"x","d":"AQ"}"#)
        #expect(key.object().members.map(\.name) == ["kty", "crv", "x", "y"])
        let rsa = JSONWebKey(publicKey: try TestKeys.publicKey(.rs256)).object()
        #expect(rsa.members.map(\.name) == ["kty", "n", "e"])
        #expect(rsa["e"] == "AQAB")
    }

    @Test(
        "BUN-14, BUN-21: an unknown or missing key type or curve is no error, and no key",
        arguments: [
            #"{"kty":"AKP","alg":"ML-DSA-44","pub":"x"}"#, #"{"kty":"FOO","use":"jwt-svid","kid":"a"}"#,
            #"{"use":"jwt-svid"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, #"{"kty":"ec"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#, #"{"kty":"EC","crv":"p-256"}"#,
        ])
    func unknown(text: String) throws {
        #expect(try self.parse(text).publicKey == nil)
    }

    @Test(
        "BUN-34: private and symmetric key material is recognised",
        arguments: [#"{"kty":"oct","k":"AA"}"#, #"{\#(Self.ec),"d":"AA"}"#, #"{"kty":"AKP","priv":"AA"}"#])
    func privateMembers(text: String) throws {
        #expect(try self.parse(text).hasPrivateMembers)
    }

    @Test("X509-46: what follows the first value of x5c may be anything")
    func laterCertificates() throws {
        #expect(try self.parse(#"{"x5c":["MIIB","MIIC",1,"MIID"]}"#).x5c == ["MIIB", "MIIC"])
        #expect(try self.parse(#"{"x5c":[]}"#).x5c == [])
    }

    @Test(
        "faulty entries, and why",
        arguments: [
            (#"{"kty":5}"#, .memberType("kty")), (#"{"kty":"EC","use":null}"#, .memberType("use")),
            (#"{"kid":1}"#, .memberType("kid")), (#"{"x5c":"MIIB"}"#, .memberType("x5c")),
            (#"{"x5c":[1,"MIIB"]}"#, .memberType("x5c")), (#"{"kty":"EC"}"#, .missingMember("crv")),
            (#"{"kty":"EC","crv":"P-256","x":"AA"}"#, .missingMember("y")),
            (#"{"kty":"RSA","e":"AQAB"}"#, .missingMember("n")),
            (#"{"kty":"EC","crv":"P-256","x":"A=","y":"AA"}"#, .memberEncoding("x", .invalidCharacter(offset: 1))),
            (#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, .key(.malformed)),
            (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, .key(.rsaModulusBits(17))),
            (#"{"kty":"RSA","n":"AAEAAQ","e":"AQAB"}"#, .key(.malformed)),
            (#"{"kty":"RSA","n":"","e":"AQAB"}"#, .key(.malformed)),
        ] as [(String, JSONWebKeyError)])
    func faulty(text: String, error: JSONWebKeyError) {
        #expect(throws: error) { try self.parse(text) }
    }

    @Test("a point that is not on the curve is refused")
    func offCurve() {
        let x = [UInt8](repeating: 1, count: 32).base64URL
        #expect(throws: JSONWebKeyError.key(.malformed)) {
            try self.parse(#"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(x)"}"#)
        }
    }

    @Test(
        "RSA keys of unusual exponents are refused",
        arguments: ["AA", "AQ", "Ag", "AQABAAE", "AQABAAEAAQ"])
    func exponents(exponent: String) throws {
        let modulus = try #require(JSONWebKey(publicKey: TestKeys.publicKey(.rs256)).object()["n"]?.string)
        #expect(throws: JSONWebKeyError.key(.malformed)) {
            try self.parse(#"{"kty":"RSA","n":"\#(modulus)","e":"\#(exponent)"}"#)
        }
    }

    @Test("moduli longer than 8,192 bits are refused before anything is computed with them")
    func longModulus() {
        let modulus = ([0x80] + [UInt8](repeating: 1, count: 1_024)).base64URL
        #expect(throws: JSONWebKeyError.key(.rsaModulusBits(8_200))) {
            try self.parse(#"{"kty":"RSA","n":"\#(modulus)","e":"AQAB"}"#)
        }
    }
}
