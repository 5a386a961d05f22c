import AccessTokens
import Crypto
import FoundationEssentials
import JOSE
import Testing

@Suite("The messages of WatchTokenState", .timeLimit(.minutes(1)))
struct TokenStateAssemblyTests {
    private let now = Date(timeIntervalSince1970: 1_000)
    private let keySet: [UInt8]

    init() {
        let key = JSONWebKey(publicKey: PublicKey(P256.Signing.PrivateKey().publicKey), use: "sig", keyID: "at-1")
        self.keySet = JSON.serialize(["keys": .array([.object(key.object())])])
    }

    private func message(
        full: Bool = false, more: Bool = false, keys: Bool = false, tokens: [String] = [], age: UInt64 = 0
    ) -> TokenStateMessage {
        TokenStateMessage(
            issuer: "https://issuer.example.org", keySet: keys ? self.keySet : [], isFull: full, hasMore: more,
            ageMilliseconds: age,
            revocations: tokens.map { token in
                Revocation(
                    .token(token), revokedAt: Date(timeIntervalSince1970: 900),
                    expiresAt: Date(timeIntervalSince1970: 2_000))
            })
    }

    private func revoked(_ change: TokenStateAssembly.Change?) -> Set<Revocation.Target> {
        Set(change?.state.revocations.all(now: self.now).map(\.target) ?? [])
    }

    @Test("a full message replaces, others add, and the age is subtracted")
    func fullAndMore() throws {
        var assembly = TokenStateAssembly()
        let first = try assembly.receive(self.message(full: true, keys: true, tokens: ["a"], age: 1_500), now: self.now)
        #expect(first?.state.issuer == "https://issuer.example.org")
        #expect(first?.state.keys.keyIDs == ["at-1"])
        #expect(first?.state.knownAt == self.now.addingTimeInterval(-1.5))
        #expect(self.revoked(first) == [.token("a")])
        let second = try assembly.receive(self.message(tokens: ["b"]), now: self.now)
        #expect(second?.added.map(\.target) == [.token("b")])
        #expect(first?.isFull == true && second?.isFull == false)
        #expect(self.revoked(second) == [.token("a"), .token("b")])
        #expect(second?.state.keys.keyIDs == ["at-1"])
        let third = try assembly.receive(self.message(full: true, tokens: ["c"]), now: self.now)
        #expect(self.revoked(third) == [.token("c")])
    }

    @Test("a state comes out when the last page of a change is there")
    func pages() throws {
        var assembly = TokenStateAssembly()
        #expect(
            try assembly.receive(self.message(full: true, more: true, keys: true, tokens: ["a"]), now: self.now) == nil)
        #expect(try assembly.receive(self.message(full: true, more: true, tokens: ["b"]), now: self.now) == nil)
        let state = try assembly.receive(self.message(full: true, tokens: ["c"]), now: self.now)
        #expect(self.revoked(state) == [.token("a"), .token("b"), .token("c")])
    }

    @Test("a stream begins with a full message, also after it was opened again")
    func begins() throws {
        var assembly = TokenStateAssembly()
        #expect(throws: TokenStateError.notFull) { try assembly.receive(self.message(keys: true), now: self.now) }
        _ = try assembly.receive(self.message(full: true, keys: true), now: self.now)
        assembly.restart()
        #expect(throws: TokenStateError.notFull) { try assembly.receive(self.message(), now: self.now) }
    }

    @Test("after a message that cannot be used, only a full one is taken")
    func unusable() throws {
        var assembly = TokenStateAssembly()
        _ = try assembly.receive(self.message(full: true, keys: true), now: self.now)
        var broken = self.message()
        broken.keySet = Array("{}".utf8)
        #expect(throws: TokenStateError.keys(.keysMissing)) { try assembly.receive(broken, now: self.now) }
        #expect(throws: TokenStateError.notFull) { try assembly.receive(self.message(tokens: ["a"]), now: self.now) }
        #expect(try assembly.receive(self.message(full: true), now: self.now) != nil)
    }

    @Test("without keys or issuer there is no state")
    func incomplete() {
        var assembly = TokenStateAssembly()
        #expect(throws: TokenStateError.malformed("jwk_set")) {
            try assembly.receive(self.message(full: true), now: self.now)
        }
        var nameless = self.message(full: true, keys: true)
        nameless.issuer = ""
        #expect(throws: TokenStateError.malformed("issuer")) { try assembly.receive(nameless, now: self.now) }
        var faulty = self.message(full: true)
        faulty.keySet = Array("{}".utf8)
        #expect(throws: TokenStateError.keys(.keysMissing)) { try assembly.receive(faulty, now: self.now) }
    }
}
