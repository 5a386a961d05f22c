import AccessTokens
import FoundationEssentials
import JOSE
import SPIFFE
import Testing

@Suite("pki/vectors/access-token: RFC 9068, RFC 8705 and the attacks of RFC 8725", .timeLimit(.minutes(1)))
struct AccessTokenVectorTests {
    private static let members: Set = [
        "section", "rules", "expect", "comment", "source", "now", "leeway_seconds", "peer", "peer_certificate_sha256",
        "revocations", "all", "any",
    ]

    @Test("each case ends as its case.json says", arguments: AccessTokenVector.all)
    func eachCaseEndsAsItsCaseSays(_ vector: AccessTokenVector) throws {
        #expect(try vector.outcome() == vector.expected)
    }

    @Test("every folder is a case, with the members it may have")
    func everyFolderIsACase() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: AccessTokenVector.root)
        #expect(names.count == AccessTokenVector.all.count)
        #expect(names.count > 100)
        for vector in AccessTokenVector.all {
            #expect(Set(vector.members.members.map(\.name)).subtracting(Self.members).isEmpty, "\(vector.name)")
        }
    }

    @Test("every error case has a vector, and every expectation is an error case")
    func everyErrorCaseHasAVector() throws {
        let path = repositoryRoot() + "Sources/AccessTokens/Token/AccessTokenError.swift"
        let source = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let labels = Set(
            source.split(separator: "\"").map(String.init)
                .filter { $0.hasPrefix("access_token.") && !$0.contains(" ") })
        #expect(labels.count > 20)
        let expected = Set(AccessTokenVector.all.map { String($0.expected.prefix { $0 != "/" }) })
        #expect(labels.subtracting(expected).isEmpty)
        #expect(expected.subtracting(labels) == ["accept"])
    }

    @Test("no access token is a JWT-SVID, whatever key has signed it")
    func accessTokenAsJWTSVID() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let vector = try AccessTokenVector(named: "accept")
        let document = String(decoding: try vector.bytes("keys.json"), as: UTF8.self)
            .replacing("\"sig\"", with: "\"jwt-svid\"")
        let bundles = TrustBundles([try TrustBundle(parsing: Array(document.utf8), trustDomain: trustDomain)])
        #expect(throws: JWTSVIDError.unsupportedType("at+jwt")) {
            try JWTSVID.validate(
                vector.token(), audience: AccessTokenVector.audience, bundles: bundles, now: vector.now())
        }
    }

    @Test("the keys of an issuer are none of a trust bundle")
    func keysOfBundle() throws {
        let vector = try AccessTokenVector(named: "jwt-svid")
        #expect(try AccessTokenKeys(parsing: vector.bytes("keys.json")).keyIDs == ["at-1", "at-2"])
        let bundle = try TrustBundle(
            parsing: vector.bytes("keys.json"), trustDomain: TrustDomain(parsing: "example.org"))
        #expect(bundle.jwtAuthorities.map(\.keyID) == ["svid-1"])
    }

    @Test("a changed byte anywhere is refused")
    func changedBytes() throws {
        let vector = try AccessTokenVector(named: "accept")
        let (keys, peer, rules, now) = try (
            AccessTokenKeys(parsing: vector.bytes("keys.json")), vector.peer(), vector.rules(), vector.now()
        )
        let token = Array(try vector.token().utf8)
        for index in token.indices {
            var changed = token
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: changed, as: UTF8.self)
            #expect(throws: AccessTokenError.self) {
                try AccessToken.validate(
                    text, from: peer, keys: keys, rules: rules, revocations: RevocationState(), now: now)
            }
        }
    }
}
