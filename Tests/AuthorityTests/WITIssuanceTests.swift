import Authority
import Crypto
import FoundationEssentials
import JOSE
import KeyManagement
import SPIFFE
import TestSupport
import Testing

@Suite("Issuing WIT-SVIDs", .timeLimit(.minutes(1)))
struct WITIssuanceTests {
    private static let workload = P256.Signing.PrivateKey()
    private let now = TestDomain.start + .seconds(60)

    private func issued(
        _ path: String = "/web", ttl: Duration = .seconds(300), type: KeyType = .ecP256
    ) async throws -> (AuthorityState, IssuedWITSVID) {
        let domain = try TestDomain(witKeyType: type)
        let state = try await domain.firstState()
        let svid = try state.issueWITSVID(
            id: domain.id(path), confirmation: Self.confirmation(), ttl: ttl, now: self.now)
        return (state, svid)
    }

    private static func confirmation() throws -> WITConfirmation {
        try #require(WITConfirmation(publicKey: PublicKey(self.workload.publicKey), algorithm: .es256))
    }

    private func part(_ index: Int, of svid: IssuedWITSVID) throws -> JSONObject {
        let parts = svid.token.split(separator: ".", omittingEmptySubsequences: false)
        try #require(parts.count == 3)
        return try #require(try JSON.parse([UInt8](base64URL: String(parts[index])), maxBytes: 65_536).object)
    }

    @Test(
        "WIT-17, WIT-28, WIT-37: a token has the claims of its profile, iat among them, and no jti, whatever signs it",
        arguments: KeyType.svidTypes)
    func profile(type: KeyType) async throws {
        let profile = try Profile("wit-svid")
        let (state, svid) = try await self.issued(type: type)
        let wit = try #require(state.wit)
        let point = Array(Self.workload.publicKey.rawRepresentation)
        let values: Profile.Values = [
            "spiffeID": "spiffe://example.org/web", "issuedAt": seconds(self.now), "lifetime": 300,
            "authorityExpiresAt": seconds(wit.expiresAt), "keyID": .string(wit.keyID),
            "algorithm": try #require(profile.table["algorithms"]?.object?[type.rawValue]),
            "confirmation": [
                "jwk": [
                    "kty": "EC", "crv": "P-256", "x": .string(Array(point.prefix(32)).base64URL),
                    "y": .string(Array(point.suffix(32)).base64URL), "alg": "ES256",
                ]
            ],
        ]
        #expect(try profile.differences(of: "header", self.part(0, of: svid), values: values) == [])
        #expect(try profile.differences(of: "claims", self.part(1, of: svid), values: values) == [])
        let compact = try Regex(try #require(profile.table["compact"]?.string))
        #expect(try compact.wholeMatch(in: svid.token) != nil)
    }

    @Test("WIT-08, WIT-36: the header has alg, kid and typ, and nothing else")
    func header() async throws {
        let (state, svid) = try await self.issued()
        let header = try self.part(0, of: svid)
        #expect(header.members.map(\.name) == ["alg", "kid", "typ"])
        #expect(header["kid"]?.string == state.wit?.keyID)
    }

    @Test(
        "WIT-06, WIT-35: the algorithm is that of the kind of key",
        arguments: [(KeyType.ecP256, "ES256"), (.ecP384, "ES384"), (.rsa2048, "RS256"), (.rsa4096, "RS256")])
    func algorithm(type: KeyType, name: String) async throws {
        let (state, svid) = try await self.issued(type: type)
        #expect(try self.part(0, of: svid)["alg"]?.string == name)
        let token = try UnverifiedJWT(parsing: svid.token)
        #expect(try token.verify(with: state.bundle.witAuthorities[0].publicKey)["sub"] == "spiffe://example.org/web")
    }

    @Test("WIT-20: exp is an integer of seconds: iat plus the lifetime")
    func expiration() async throws {
        let (_, svid) = try await self.issued()
        #expect(svid.expiresAt == self.now + .seconds(300))
        #expect(!svid.clamped)
        #expect(try self.part(1, of: svid)["exp"] == .number(JSONNumber(1_800_000_360)))
    }

    @Test("WIT-31, WIT-32: there is neither iss nor aud")
    func neither() async throws {
        let domain = try TestDomain(witKeyType: .ecP256, jwtIssuer: "https://issuer.test")
        let svid = try await domain.firstState().issueWITSVID(
            id: domain.id("/web"), confirmation: Self.confirmation(), ttl: .seconds(60), now: self.now)
        #expect(try self.part(1, of: svid).members.map(\.name) == ["sub", "exp", "iat", "cnf"])
    }

    @Test("exp is never after the end of the signing key, and that is reported")
    func clamped() async throws {
        let (state, svid) = try await self.issued(ttl: .days(2))
        #expect(svid.expiresAt == state.wit?.expiresAt)
        #expect(svid.clamped)
    }

    @Test("WIT-10, WIT-11: IDs without path, reserved and foreign ones are refused")
    func refusedIDs() async throws {
        await #expect(throws: IssuanceError.withoutPath) { try await self.issued("") }
        let id = try TestDomain().id("/spire/server")
        await #expect(throws: IssuanceError.reservedID(id)) { try await self.issued("/spire/server") }
        let state = try await TestDomain(witKeyType: .ecP256).firstState()
        let foreign = try TrustDomain(parsing: "foreign.test")
        #expect(throws: IssuanceError.foreignTrustDomain(foreign)) {
            try state.issueWITSVID(
                id: SPIFFEID(trustDomain: foreign, path: "/web"), confirmation: Self.confirmation(),
                ttl: .seconds(60), now: self.now)
        }
    }

    @Test("a lifetime of less than a second is refused")
    func shortLifetime() async throws {
        await #expect(throws: IssuanceError.invalidTTL(.milliseconds(999))) {
            try await self.issued(ttl: .milliseconds(999))
        }
    }

    @Test("what is issued validates against the bundle, with a proof")
    func validates() async throws {
        let (state, svid) = try await self.issued()
        let own = try WITSVID(
            receivedFromWorkloadAPI: svid.token, privateKeyJWK: TestAuthority.privateJWK(Self.workload))
        let scope = try WorkloadProofScope(target: "https://a/b")
        let presentation = try own.presentation(for: scope, now: self.now)
        let verified = try VerifiedWITSVID.validate(
            presentation.identityToken, proof: presentation.proofToken, for: scope,
            bundles: TrustBundles([state.bundle]), now: self.now)
        #expect(verified.id == svid.id)
        #expect(verified.expiresAt == svid.expiresAt)
        #expect(verified.issuedAt == svid.issuedAt)
    }

    @Test("SID-18: a token for an ID of 2048 bytes and an RSA key is read")
    func longest() async throws {
        let path = "/" + String(repeating: "a", count: 2_048 - "spiffe://example.org/".utf8.count)
        let (_, svid) = try await self.issued(path, type: .rsa4096)
        #expect(try self.part(1, of: svid)["sub"]?.string?.utf8.count == 2_048)
    }

    @Test("where WIT-SVIDs are off nothing is issued and no key is made")
    func off() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        #expect(state.bundle.witAuthorities == [])
        #expect(try await domain.keyManager.names().filter { $0.contains("wit") } == [])
        #expect(throws: IssuanceError.noAuthority) {
            try state.issueWITSVID(
                id: domain.id("/web"), confirmation: Self.confirmation(), ttl: .seconds(60), now: self.now)
        }
    }

    @Test("a token is never shown in a description")
    func redacted() async throws {
        let (_, svid) = try await self.issued()
        #expect("\(svid)" == "IssuedWITSVID(spiffe://example.org/web, token: <redacted>)")
        var dumped = String(reflecting: svid)
        dump(svid, to: &dumped)
        #expect(!dumped.contains(svid.token))
    }
}
