import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing
import X509

@Suite("RFC 9068 §2.2 claims", .timeLimit(.minutes(1)))
struct AccessTokenClaimsTests {
    private static func claims(certificateSHA256: [UInt8]? = nil) throws -> AccessTokenClaims {
        AccessTokenClaims(
            issuer: "https://issuer.example.org", subject: try SPIFFEID(parsing: "spiffe://example.org/orders"),
            audience: "spiffe://example.org/payments", scopes: try ScopeSet(parsing: "b a"),
            issuedAt: Date(timeIntervalSince1970: 1_000), expiresAt: Date(timeIntervalSince1970: 1_600), tokenID: "t",
            certificateSHA256: certificateSHA256)
    }

    @Test("what is written is read again")
    func roundTrip() throws {
        for claims in try [Self.claims(), Self.claims(certificateSHA256: [UInt8](repeating: 7, count: 32))] {
            #expect(try AccessTokenClaims(claims.object()) == claims)
        }
    }

    @Test("the payload is exactly this")
    func golden() throws {
        let text = String(decoding: JSON.serialize(.object(try Self.claims().object())), as: UTF8.self)
        #expect(
            text == """
                {"iss":"https://issuer.example.org","sub":"spiffe://example.org/orders",\
                "client_id":"spiffe://example.org/orders","aud":"spiffe://example.org/payments","scope":"a b",\
                "iat":1000,"exp":1600,"jti":"t"}
                """)
    }

    @Test("a peer is its SPIFFE ID, the hash of its certificate and the serial number as revocations name it")
    func peer() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let chain = try authority.chain(id: "spiffe://example.org/orders")
        let svid = try VerifiedX509SVID.validate(
            chain, bundles: TrustBundles([authority.bundle]), now: authority.now)
        let peer = TokenPeer(svid)
        #expect(peer.id.uri == "spiffe://example.org/orders")
        #expect(peer.certificateSHA256 == Array(SHA256.hash(data: chain[0].derBytes)))
        #expect(peer.certificateSerial == chain[0].serialNumber.hexadecimalDigits)
        #expect(Certificate.SerialNumber(bytes: [0x00, 0x0A, 0xB0] as [UInt8]).hexadecimalDigits == "ab0")
        #expect(Certificate.SerialNumber(bytes: [0] as [UInt8]).hexadecimalDigits == "0")
    }
}
