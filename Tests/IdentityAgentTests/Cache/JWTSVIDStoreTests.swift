import FoundationEssentials
import IdentityAgent
import Testing

@Suite("JWT-SVIDs that are kept", .timeLimit(.minutes(1)))
struct JWTSVIDStoreTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func svid(_ token: String) -> IssuedJWTSVID {
        IssuedJWTSVID(
            token: token, keyID: nil, expiresAt: self.now.addingTimeInterval(300), since: self.now,
            renewAt: self.now.addingTimeInterval(150))
    }

    private func key(
        _ id: String, _ path: String = "/web", revision: Int64 = 0, age: Double = 0, audience: [String] = ["a"]
    ) throws -> JWTSVIDKey {
        JWTSVIDKey(entry: try entry(id, path, revision: revision, age: age), audience: audience)
    }

    @Test("WAPI-35: a token is for its entry, revision and set of audiences, and for no other entry of the same ID")
    func keys() throws {
        var store = JWTSVIDStore(limit: 10)
        store.insert(self.svid("t"), for: try self.key("e", audience: ["b", "a", "a"]))
        #expect(try store.use(self.key("e", audience: ["a", "b"]), now: self.now)?.token == "t")
        #expect(try store.use(self.key("e", audience: ["a"]), now: self.now) == nil)
        #expect(try store.use(self.key("e", audience: ["a", "b", "c"]), now: self.now) == nil)
        #expect(try store.use(self.key("e", revision: 1, audience: ["a", "b"]), now: self.now) == nil)
        #expect(try store.use(self.key("e", "/other", audience: ["a", "b"]), now: self.now) == nil)
        #expect(try store.use(self.key("e", age: 1, audience: ["a", "b"]), now: self.now) == nil)
        #expect(try store.use(self.key("f", audience: ["a", "b"]), now: self.now) == nil)
    }

    @Test("a token is fresh until half of its life, and not by a clock that was set back behind its beginning")
    func freshness() {
        let svid = self.svid("t")
        #expect(svid.isFresh(now: self.now))
        #expect(svid.isFresh(now: self.now.addingTimeInterval(149.9)))
        #expect(!svid.isFresh(now: self.now.addingTimeInterval(150)))
        #expect(!svid.isFresh(now: self.now.addingTimeInterval(-0.1)))
    }

    @Test("a token is given until the moment it expires, and then forgotten")
    func expiry() throws {
        var store = JWTSVIDStore(limit: 10)
        store.insert(self.svid("t"), for: try self.key("e"))
        #expect(try store.use(self.key("e"), now: self.now.addingTimeInterval(299.9)) != nil)
        #expect(try store.use(self.key("e"), now: self.now.addingTimeInterval(300)) == nil)
        #expect(store.count == 0)
    }

    @Test("the token that was not used for the longest time makes room")
    func eviction() throws {
        var store = JWTSVIDStore(limit: 2)
        store.insert(self.svid("1"), for: try self.key("1"))
        store.insert(self.svid("2"), for: try self.key("2"))
        _ = store.use(try self.key("1"), now: self.now)
        store.insert(self.svid("3"), for: try self.key("3"))
        #expect(try store.use(self.key("2"), now: self.now) == nil)
        #expect(try store.use(self.key("1"), now: self.now) != nil)
        #expect(store.count == 2)
    }

    @Test("a token does not show in descriptions")
    func redacted() {
        #expect(!"\(self.svid("very-secret"))".contains("very-secret"))
        #expect(!String(reflecting: self.svid("very-secret")).contains("very-secret"))
    }
}
