import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("WIT-SVID as received from the Workload API", .timeLimit(.minutes(1)))
struct ReceivedWITSVIDTests {
    private static let web = "spiffe://example.org/web"

    @Test("WAPI-69: the key is a private JWK and that of cnf", arguments: Vector.all("wit-svid-own", rule: "WAPI-69"))
    func keys(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-32: one's own token has no aud either", arguments: Vector.all("wit-svid-own", rule: "WIT-32"))
    func audience(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("a token is taken as it is, with its hint")
    func received() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = P256.Signing.PrivateKey()
        let token = try authority.wit(sub: Self.web, key: key)
        let svid = try WITSVID(
            receivedFromWorkloadAPI: token, privateKeyJWK: TestAuthority.privateJWK(key), hint: "internal")
        #expect(svid.id.uri == Self.web)
        #expect(svid.expiresAt == authority.now.addingTimeInterval(3_600))
        #expect(svid.issuedAt == authority.now)
        #expect(svid.confirmation == WITConfirmation(publicKey: PublicKey(key.publicKey), algorithm: .es256))
        #expect(svid.claims["sub"]?.string == Self.web)
        #expect(svid.hint == "internal")
    }

    @Test("a private key of more than 16 KiB is not looked at")
    func longKey() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let key = P256.Signing.PrivateKey()
        let token = try authority.wit(sub: Self.web, key: key)
        let jwk = TestAuthority.privateJWK(key)
        let longest = jwk + String(repeating: " ", count: WITSVID.maxPrivateKeyBytes - jwk.utf8.count)
        _ = try WITSVID(receivedFromWorkloadAPI: token, privateKeyJWK: longest)
        #expect(throws: WITSVIDError.malformedPrivateKey(.missingMember("kty"))) {
            try WITSVID(receivedFromWorkloadAPI: token, privateKeyJWK: longest + " ")
        }
    }
}
