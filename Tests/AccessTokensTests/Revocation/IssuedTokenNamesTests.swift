import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import Testing

@Suite("What is revoked of a token of one's own")
struct IssuedTokenNamesTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func issued(_ token: String) throws -> IssuedAccessToken {
        IssuedAccessToken(
            token: token, audience: "payments", scopes: .none,
            spiffeID: try SPIFFEID(parsing: "spiffe://example.org/orders"), issuedAt: self.now,
            expiresAt: self.now.addingTimeInterval(600), isCertificateBound: false)
    }

    private func names(_ header: String = "{\"kid\":\"at-1\"}", _ claims: String = "{\"jti\":\"t-1\"}") throws
        -> IssuedTokenNames
    {
        IssuedTokenNames(
            try self.issued("\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(claims.utf8))).c2ln"))
    }

    private func state(
        keys: [String] = ["at-1"], age: Double = 0, _ targets: [Revocation.Target] = []
    ) throws -> TokenState {
        let key = PublicKey(P256.Signing.PrivateKey().publicKey)
        let revocations = targets.map {
            Revocation($0, revokedAt: self.now, expiresAt: self.now.addingTimeInterval(900))
        }
        return TokenState(
            issuer: "https://issuer.example.org",
            keys: AccessTokenKeys(Dictionary(uniqueKeysWithValues: keys.map { ($0, key) })),
            revocations: try RevocationState(revocations, now: self.now), knownAt: self.now.addingTimeInterval(-age))
    }

    @Test("jti, kid and subject are what revocations name")
    func named() throws {
        let orders = try SPIFFEID(parsing: "spiffe://example.org/orders")
        let names = try self.names()
        #expect(names.tokenID == "t-1")
        #expect(names.keyID == "at-1")
        let others = try SPIFFEID(parsing: "spiffe://example.org/others")
        for (target, isRevoked) in [
            (Revocation.Target.token("t-1"), true), (.key("at-1"), true), (.subject(orders), true),
            (.token("t-2"), false), (.key("t-1"), false), (.subject(others), false), (.certificate("t-1"), false),
        ] {
            #expect(try self.state([target]).isRevoked(names, fetchedAt: self.now, now: self.now) == isRevoked)
        }
        // A revocation that is over.
        let later = self.now.addingTimeInterval(900)
        #expect(try !self.state([.token("t-1")]).isRevoked(names, fetchedAt: self.now, now: later))
    }

    @Test("a token that was issued after its subject was revoked is not")
    func younger() throws {
        let orders = try SPIFFEID(parsing: "spiffe://example.org/orders")
        let earlier = Revocation(
            .subject(orders), revokedAt: self.now.addingTimeInterval(-1), expiresAt: self.now.addingTimeInterval(900))
        #expect(try !RevocationState([earlier], now: self.now).isRevoked(self.names(), now: self.now))
    }

    @Test("a key that is missing ten seconds after the token came has been withdrawn")
    func missingKey() throws {
        let names = try self.names()
        func isRevoked(keys: [String], after seconds: Double) throws -> Bool {
            try self.state(keys: keys).isRevoked(
                names, fetchedAt: self.now.addingTimeInterval(-seconds), now: self.now)
        }
        #expect(try isRevoked(keys: ["at-2"], after: 11))
        #expect(try !isRevoked(keys: ["at-2"], after: 10))
        #expect(try !isRevoked(keys: ["at-1"], after: 11))
    }

    @Test(
        "a token that cannot be read is known by its subject alone",
        arguments: ["", "opaque", "a.b.c", "..", "e30.e30.", "W10.W10.c2ln", "a.b.c.d"])
    func unreadable(_ token: String) throws {
        let names = IssuedTokenNames(try self.issued(token))
        #expect(names.tokenID == nil)
        #expect(names.keyID == nil)
        let orders = try SPIFFEID(parsing: "spiffe://example.org/orders")
        #expect(try self.state(keys: [], [.subject(orders)]).isRevoked(names, fetchedAt: self.now, now: self.now))
        #expect(try !self.state(keys: []).isRevoked(names, fetchedAt: .distantPast, now: self.now))
    }
}
