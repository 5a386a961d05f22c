import Foundation
import IdentityAgent
import SPIFFE
import TestSupport
import Testing

@Suite("The agent's identity on disk", .timeLimit(.minutes(1)))
struct AgentDataStoreTests {
    private let authority: TestAuthority
    private let directory: TemporaryDirectory
    private let agentID = "spiffe://example.org/spire/agent/join_token/x"

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
        self.directory = try TemporaryDirectory()
    }

    private func store() -> AgentDataStore {
        AgentDataStore(directory: self.directory.path, trustDomain: self.authority.trustDomain)
    }

    private func saved(_ id: String? = nil) async throws -> X509SVID {
        let svid = try self.authority.x509SVID(id: id ?? self.agentID)
        let store = self.store()
        try await store.prepare(key: svid.privateKeyPKCS8DER)
        try await store.save(svid, bundle: self.authority.bundle)
        return svid
    }

    @Test("nothing on disk is no identity")
    func nothing() async throws {
        #expect(try await self.store().load() == nil)
    }

    @Test("identity and bundle come back as they were saved")
    func roundTrip() async throws {
        let svid = try await self.saved()
        let loaded = try #require(try await self.store().load())
        #expect(loaded.identity?.certificates == svid.certificates)
        #expect(loaded.identity?.privateKeyPKCS8DER == svid.privateKeyPKCS8DER)
        #expect(loaded.bundle.x509Authorities == self.authority.bundle.x509Authorities)
        #expect(loaded.bundle.jwtAuthorities == self.authority.bundle.jwtAuthorities)
    }

    @Test("both files are for their owner only")
    func modes() async throws {
        _ = try await self.saved()
        #expect(try self.directory.names() == ["agent-data.json", "agent-keys.json"])
        #expect(try self.directory.mode(of: "agent-data.json") == 0o600)
        #expect(try self.directory.mode(of: "agent-keys.json") == 0o600)
    }

    @Test("what an interrupted write left is removed at the next start")
    func leftovers() async throws {
        let svid = try await self.saved()
        for name in ["agent-data.json.0.tmp", "agent-keys.json.0.tmp"] { try self.directory.write([1], to: name) }
        let loaded = try await self.store().load()
        #expect(loaded?.identity?.certificates == svid.certificates)
        #expect(try self.directory.names() == ["agent-data.json", "agent-keys.json"])
    }

    @Test("an agent that stops between its new key and its new certificate keeps the old identity")
    func stoppedDuringRenewal() async throws {
        let svid = try await self.saved()
        let next = try self.authority.x509SVID(id: self.agentID)
        let store = self.store()
        _ = try await store.load()
        try await store.prepare(key: next.privateKeyPKCS8DER)
        let loaded = try await self.store().load()
        #expect(loaded?.identity?.certificates == svid.certificates)
    }

    @Test("an agent that stops between its new certificate and the removal of its old key has the new identity")
    func stoppedAfterRenewal() async throws {
        _ = try await self.saved()
        let next = try self.authority.x509SVID(id: self.agentID)
        let store = self.store()
        _ = try await store.load()
        try await store.prepare(key: next.privateKeyPKCS8DER)
        let keys = try self.directory.read("agent-keys.json")
        try await store.save(next, bundle: self.authority.bundle)
        try self.directory.write(keys, to: "agent-keys.json")
        let loaded = try await self.store().load()
        #expect(loaded?.identity?.certificates == next.certificates)
    }

    @Test("a deleted identity is gone, the bundle stays")
    func deleted() async throws {
        _ = try await self.saved()
        let store = self.store()
        _ = try await store.load()
        try await store.deleteIdentity()
        #expect(try self.directory.names() == ["agent-data.json"])
        let loaded = try #require(try await self.store().load())
        #expect(loaded.identity == nil)
        #expect(loaded.bundle.x509Authorities == self.authority.bundle.x509Authorities)
    }

    @Test("an agent that stops while it deletes its identity has none, and not a broken one")
    func stoppedDuringDeletion() async throws {
        _ = try await self.saved()
        let store = self.store()
        _ = try await store.load()
        // A key file that cannot be removed stands for the moment before it is.
        let keys = self.directory.path("agent-keys.json")
        try FileManager.default.removeItem(atPath: keys)
        try FileManager.default.createDirectory(atPath: keys, withIntermediateDirectories: false)
        await #expect(throws: AgentError.self) { try await store.deleteIdentity() }
        try FileManager.default.removeItem(atPath: keys)
        let loaded = try #require(try await self.store().load())
        #expect(loaded.identity == nil)
    }

    @Test("a new bundle is kept beside the identity")
    func newBundle() async throws {
        let svid = try await self.saved()
        let store = self.store()
        _ = try await store.load()
        let bundle = try TestAuthority(trustDomain: "example.org").bundle
        try await store.save(bundle: bundle)
        let loaded = try #require(try await self.store().load())
        #expect(loaded.bundle.x509Authorities == bundle.x509Authorities)
        #expect(loaded.identity?.certificates == svid.certificates)
    }

    @Test(
        "files that cannot be used are said to be, and left alone",
        arguments: [
            ("agent-data.json", "{", "the file is not JSON"),
            ("agent-data.json", "{}", "the member 'trust_domain' is missing or malformed"),
            ("agent-keys.json", #"{"keys":["%"]}"#, "the member 'keys' is missing or malformed"),
            (
                "agent-keys.json", #"{"keys":[]}"#,
                "the identity cannot be used: the private key does not belong to the leaf"
            ),
        ])
    func unusable(name: String, content: String, reason: String) async throws {
        _ = try await self.saved()
        try self.directory.write(Array(content.utf8), to: name)
        let error = await #expect(throws: AgentError.self) { try await self.store().load() }
        guard case .dataUnusable(self.directory.path(name), reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try self.directory.read(name) == Array(content.utf8))
    }

    @Test("a key file that others can read is refused")
    func looseMode() async throws {
        _ = try await self.saved()
        try self.directory.write(self.directory.read("agent-keys.json"), to: "agent-keys.json", mode: 0o644)
        await #expect(throws: AgentError.self) { try await self.store().load() }
    }

    @Test("the identity of another trust domain is refused")
    func otherTrustDomain() async throws {
        _ = try await self.saved()
        let store = AgentDataStore(
            directory: self.directory.path, trustDomain: try TrustDomain(parsing: "other.test"))
        await #expect(throws: AgentError.self) { try await store.load() }
    }

    @Test("an identity that is not an agent's is refused")
    func notAnAgent() async throws {
        _ = try await self.saved("spiffe://example.org/web")
        await #expect(throws: AgentError.self) { try await self.store().load() }
    }
}
