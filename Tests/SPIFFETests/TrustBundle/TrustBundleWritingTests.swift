import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("Trust Domain and Bundle §4 writing", .timeLimit(.minutes(1)))
struct TrustBundleWritingTests {
    @Test("BUN-01: a bundle carries its trust domain beside it, and its document does not")
    func trustDomain() throws {
        let bundle = try TestAuthority(trustDomain: "quite-a-name.test") { $0.uriNames = [] }.bundle
        #expect(bundle.trustDomain.name == "quite-a-name.test")
        let members = try Self.members(of: bundle.document())
        #expect(members.members.map(\.name) == ["keys", "spiffe_sequence", "spiffe_refresh_hint"])
    }

    @Test("BUN-06: the sequence number is written")
    func sequenceNumber() throws {
        let members = try Self.members(of: TestAuthority(trustDomain: "a").bundle.document())
        #expect(members["spiffe_sequence"] == 1)
    }

    @Test("BUN-08: the same content gives the same bytes")
    func stable() throws {
        let bundle = try TestAuthority(trustDomain: "a").bundle
        let again = try TrustBundle(parsing: bundle.document(), trustDomain: bundle.trustDomain)
        #expect(again.document() == bundle.document())
        #expect(again.x509Authorities == bundle.x509Authorities)
        #expect(again == bundle)
    }

    @Test(
        "BUN-09: a sequence number of 64 bits is written as it was read",
        arguments: [9_007_199_254_740_993, UInt64.max])
    func longSequenceNumber(_ number: UInt64) throws {
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"), sequenceNumber: number)
        #expect(bundle.document().text == "{\"keys\":[],\"spiffe_sequence\":\(number)}")
        #expect(try TrustBundle(parsing: bundle.document(), trustDomain: bundle.trustDomain).sequenceNumber == number)
    }

    @Test("BUN-10: the refresh hint is written in seconds")
    func refreshHint() throws {
        let members = try Self.members(of: TestAuthority(trustDomain: "a").bundle.document())
        #expect(members["spiffe_refresh_hint"] == 300)
    }

    @Test("BUN-20: every entry has kty")
    func keyType() throws {
        for entry in try Self.entries(of: TestAuthority(trustDomain: "a").bundle.document()) {
            #expect(entry["kty"] == "EC")
        }
    }

    @Test("BUN-22: every entry has use")
    func use() throws {
        let uses = try Self.entries(of: TestAuthority(trustDomain: "a").bundle.document()).map { $0["use"] }
        #expect(uses == ["x509-svid", "jwt-svid"])
    }

    @Test("BUN-18: an entry has the members that its SVID's standard names")
    func members() throws {
        let entries = try Self.entries(of: TestAuthority(trustDomain: "a").bundle.document())
        #expect(
            entries.map { $0.members.map(\.name) } == [
                ["kty", "crv", "x", "y", "use", "x5c"], ["kty", "crv", "x", "y", "use", "kid"],
            ])
    }

    @Test("BUN-19: no member beyond those is written, whatever was read")
    func noExtraMembers() throws {
        let vector = try Vector(standard: "trust-bundle", name: "extra-key-members")
        let bundle = try TrustBundle(parsing: vector.bytes("document.json"), trustDomain: TrustDomain(parsing: "a"))
        let names = try Self.entries(of: bundle.document()).flatMap { $0.members.map(\.name) }
        #expect(names == ["kty", "crv", "x", "y", "use", "kid"])
    }

    @Test("BUN-38: an empty bundle has an empty array")
    func empty() throws {
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"))
        #expect(bundle.document().text == "{\"keys\":[]}")
        #expect(bundle.jwtKeySet().text == "{\"keys\":[]}")
        #expect(bundle.x509AuthoritiesDER() == [])
    }

    @Test("X509-39: each authority is an entry of its own, with the key of its certificate")
    func x509Entries() throws {
        let (first, second) = (try TestAuthority(trustDomain: "a"), try TestAuthority(trustDomain: "a"))
        let certificates = [first.certificate, second.certificate]
        let entries = try Self.entries(
            of: TrustBundle(trustDomain: first.trustDomain, x509Authorities: certificates).document())
        #expect(entries.count == 2)
        for (entry, certificate) in zip(entries, certificates) {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate.publicKey)
            #expect(try JSONWebKey(entry).publicKey?.subjectPublicKeyInfoDER == serializer.serializedBytes)
        }
    }

    @Test("X509-40: the entry of a certificate has the use x509-svid")
    func x509Use() throws {
        let entry = try #require(try Self.entries(of: TestAuthority(trustDomain: "a").bundle.document()).first)
        #expect(entry["use"] == "x509-svid")
    }

    @Test("X509-41: the entry of a certificate has no kid")
    func noKeyID() throws {
        let entry = try #require(try Self.entries(of: TestAuthority(trustDomain: "a").bundle.document()).first)
        #expect(entry["kid"] == nil)
    }

    @Test("X509-42: x5c holds one certificate, base64 of DER in the standard alphabet")
    func x5c() throws {
        let authority = try TestAuthority(trustDomain: "a")
        let entry = try #require(try Self.entries(of: authority.bundle.document()).first)
        #expect(entry["x5c"]?.strings == [authority.certificate.derBytes.base64])
    }

    @Test("X509-43: a certificate that is not self-signed is one entry, too, without its issuer")
    func intermediateAsAuthority() throws {
        let authority = try TestAuthority(trustDomain: "a").intermediate()
        let bundle = TrustBundle(trustDomain: authority.trustDomain, x509Authorities: [authority.certificate])
        #expect(try Self.entries(of: bundle.document()).map { $0["x5c"]?.array?.count } == [1])
    }

    @Test("JWT-27: each JWT authority is an entry of its own, of public members")
    func jwtEntries() throws {
        let authorities = try ["a", "b", "c"].map { try TestAuthority(trustDomain: "a", jwtKeyID: $0).jwtAuthority }
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"), jwtAuthorities: authorities)
        let entries = try Self.entries(of: bundle.jwtKeySet())
        #expect(try entries.map { try JSONWebKey($0).publicKey } == authorities.map(\.publicKey))
        #expect(entries.allSatisfy { $0.members.map(\.name) == ["kty", "crv", "x", "y", "use", "kid"] })
    }

    @Test("JWT-28: the use of a JWT authority is jwt-svid")
    func jwtUse() throws {
        let bundle = try TestAuthority(trustDomain: "a").bundle
        #expect(try Self.entries(of: bundle.jwtKeySet()).map { $0["use"] } == ["jwt-svid"])
    }

    @Test("JWT-29: a JWT authority has its kid, and no two of one bundle have the same")
    func jwtKeyIDs() throws {
        let authorities = try [TestAuthority(trustDomain: "a"), TestAuthority(trustDomain: "a")].map(\.jwtAuthority)
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"), jwtAuthorities: authorities)
        #expect(bundle.jwtAuthorities == [authorities[0]])
        #expect(try Self.entries(of: bundle.document()).map { $0["kid"] } == ["jwt-1"])
        #expect(JWTAuthority(keyID: "", publicKey: authorities[0].publicKey) == nil)
    }

    @Test("the key set of JWT authorities has no other keys, and is read again")
    func jwtKeySet() throws {
        let bundle = try TestAuthority(trustDomain: "a").bundle
        let read = try TrustBundle(parsingJWTKeySet: bundle.jwtKeySet(), trustDomain: bundle.trustDomain)
        #expect(read.jwtAuthorities == bundle.jwtAuthorities)
        #expect(read.x509Authorities == [])
    }

    @Test("a document can be written for people")
    func pretty() throws {
        let bundle = TrustBundle(trustDomain: try TrustDomain(parsing: "a"), sequenceNumber: 1)
        #expect(bundle.document(pretty: true).text == "{\n  \"keys\": [],\n  \"spiffe_sequence\": 1\n}\n")
    }

    private static func members(of document: [UInt8]) throws -> JSONObject {
        try #require(try JSON.parse(document, maxBytes: TrustBundle.maxDocumentBytes).object)
    }

    private static func entries(of document: [UInt8]) throws -> [JSONObject] {
        try #require(try self.members(of: document)["keys"]?.array).compactMap(\.object)
    }
}
