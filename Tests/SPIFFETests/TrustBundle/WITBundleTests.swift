import Crypto
import JOSE
import SPIFFE
import TestSupport
import Testing

@Suite("WIT-SVID §6 bundle entries", .timeLimit(.minutes(1)))
struct WITBundleTests {
    @Test("WIT-47: each key is an entry of its own, in its order")
    func entries() throws {
        let authorities = try [Self.authority("w"), Self.authority("v")]
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"), witAuthorities: authorities)
        let read = try TrustBundle(parsing: bundle.document(), trustDomain: bundle.trustDomain)
        #expect(read.witAuthorities == authorities)
        #expect(try Self.keys(bundle.document()).count == 2)
    }

    @Test("WIT-48: the use of what is written is wit-svid")
    func use() throws {
        let bundle = TrustBundle(
            trustDomain: try TrustDomain(parsing: "a"), witAuthorities: [try Self.authority("w")])
        for keys in try [Self.keys(bundle.document()), Self.keys(bundle.witKeySet())] {
            #expect(keys.map { $0["use"]?.string } == ["wit-svid"])
            #expect(keys.map { $0.members.map(\.name) } == [["kty", "crv", "x", "y", "use", "kid"]])
        }
    }

    @Test("WIT-48: the use of what is read is wit-svid", arguments: Vector.all("trust-bundle", rule: "WIT-48"))
    func readUse(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-49: an entry has a kid", arguments: Vector.all("trust-bundle", rule: "WIT-49"))
    func keyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-49: there is no authority without kid")
    func emptyKeyID() {
        #expect(WITAuthority(keyID: "", publicKey: PublicKey(P256.Signing.PrivateKey().publicKey)) == nil)
    }

    @Test("WIT-50: a kid is unique in the whole bundle", arguments: Vector.all("trust-bundle", rule: "WIT-50"))
    func uniqueKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WIT-50: a bundle that is made has no kid of both kinds, and each only once")
    func madeWithDuplicates() throws {
        let publicKey = PublicKey(P256.Signing.PrivateKey().publicKey)
        let jwt = try ["a", "b"].map { try #require(JWTAuthority(keyID: $0, publicKey: publicKey)) }
        let wit = try [Self.authority("a"), Self.authority("c"), Self.authority("c")]
        let bundle = TrustBundle(
            trustDomain: try TrustDomain(parsing: "a"), jwtAuthorities: jwt, witAuthorities: wit)
        #expect(bundle.jwtAuthorities == [jwt[1]])
        #expect(bundle.witAuthorities == [wit[1]])
    }

    @Test("WIT-52: only the use tells a WIT key", arguments: Vector.all("trust-bundle", rule: "WIT-52"))
    func recognised(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("WAPI-44: the key set of JWT authorities has no WIT keys, and the other way round")
    func keySets() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundle = authority.bundleWithWIT
        #expect(try Self.keys(bundle.jwtKeySet()).map { $0["kid"]?.string } == ["jwt-1"])
        #expect(try Self.keys(bundle.witKeySet()).map { $0["kid"]?.string } == ["wit-1"])
    }

    @Test("a bundle map keeps WIT authorities")
    func map() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let map = try TrustBundleMap([authority.bundleWithWIT])
        let read = try TrustBundleMap(parsing: map.document()).bundles[authority.trustDomain]
        #expect(read?.witAuthorities == [authority.witAuthority])
    }

    private static func authority(_ keyID: String) throws -> WITAuthority {
        try #require(WITAuthority(keyID: keyID, publicKey: PublicKey(P256.Signing.PrivateKey().publicKey)))
    }

    private static func keys(_ document: [UInt8]) throws -> [JSONObject] {
        try #require(JSON.parse(document, maxBytes: 65_536).object?["keys"]?.array).compactMap(\.object)
    }
}
