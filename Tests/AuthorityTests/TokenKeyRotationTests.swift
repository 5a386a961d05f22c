import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import Synchronization
import Testing

@Suite("Rotation of the keys of access tokens", .timeLimit(.minutes(1)))
struct TokenKeyRotationTests {
    private let start = TestDomain.start

    /// A journal in memory that can be made to fail.
    private final class Journal: TokenKeyJournal, Sendable {
        struct Full: Error {}

        private let state = Mutex((records: TokenKeyRecords(), saves: 0, isFull: false))

        var records: TokenKeyRecords { self.state.withLock { $0.records } }
        var saves: Int { self.state.withLock { $0.saves } }

        func fill(_ isFull: Bool) { self.state.withLock { $0.isFull = isFull } }

        func loadTokenKeys() -> TokenKeyRecords { self.records }

        func save(_ records: TokenKeyRecords, now: Date) throws {
            try self.state.withLock { state in
                if state.isFull { throw Full() }
                state.records = records
                state.saves += 1
            }
        }
    }

    private func rotation(
        _ journal: Journal, _ keys: any KeyManager, type: KeyType = .ecP256, withdrawn: Set<String> = [],
        now: Date? = nil
    ) async throws -> TokenKeyRotation {
        try await TokenKeyRotation.start(
            configuration: TokenKeyConfiguration(keyType: type), keyManager: keys, journal: journal,
            withdrawn: withdrawn, now: now ?? self.start)
    }

    private func kids(_ rotation: TokenKeyRotation) throws -> [String?] {
        let set = try JSON.parse(rotation.state.current.jwkSet, maxBytes: 65_536)
        return set.object?["keys"]?.array?.map { $0.object?["kid"]?.string } ?? []
    }

    @Test("a start makes two keys: one signs, its successor is published")
    func first() async throws {
        let journal = Journal()
        let rotation = try await self.rotation(journal, MemoryKeyManager())
        let state = rotation.state.current
        #expect(try self.kids(rotation).count == 2)
        #expect(try self.kids(rotation).first == state.signer.keyID)
        #expect(journal.records.keys.map(\.slot) == [.active, .prepared])
        // Its life counts from half of that of the first.
        #expect(state.keys.map(\.expiresAt) == [self.start + .hours(24), self.start + .hours(36)])
        let jwk = try #require(
            JSON.parse(state.jwkSet, maxBytes: 65_536).object?["keys"]?.array?.first?.object)
        #expect(jwk["use"]?.string == "sig")
        #expect(jwk["alg"]?.string == "ES256")
        #expect(try JSONWebKey(jwk).publicKey == state.keys.first?.publicKey)
        #expect(jwk["d"] == nil)
    }

    @Test("a successor is published before it signs, and the one before stays until its tokens have expired")
    func succession() async throws {
        let rotation = try await self.rotation(Journal(), MemoryKeyManager())
        let first = rotation.state.current.signer.keyID
        let published = try self.kids(rotation)
        #expect(published.count == 2)
        #expect(try await rotation.rotate(now: self.start + .hours(12)) == self.start + .hours(20))
        #expect(rotation.state.current.signer.keyID == first)
        #expect(try self.kids(rotation) == published)
        try await rotation.rotate(now: self.start + .hours(20))
        #expect(rotation.state.current.signer.keyID == published.last ?? nil)
        #expect(try self.kids(rotation).prefix(2) == published[...])
        #expect(try self.kids(rotation).count == 3)
        try await rotation.rotate(now: self.start + .hours(24) + .seconds(1))
        #expect(try !self.kids(rotation).contains(first))
        #expect(try await rotation.rotate(now: self.start + .hours(25)) == self.start + .hours(32))
    }

    @Test("a restart goes on with the same keys; one whose private key is lost is replaced and stays published")
    func restart() async throws {
        let journal = Journal()
        let keys = MemoryKeyManager()
        let before = try await self.rotation(journal, keys)
        let first = before.state.current.signer.keyID
        #expect(try await self.rotation(journal, keys).state.current.signer.keyID == first)
        #expect(journal.saves == 1)
        let after = try await self.rotation(journal, MemoryKeyManager())
        #expect(try !self.kids(before).contains(after.state.current.signer.keyID))
        #expect(try Set(self.kids(before)).isSubset(of: Set(self.kids(after))))
        #expect(try self.kids(after).count == 4)
        // Nobody follows the lost one: the life of the new key's successor counts from half of the new one's.
        #expect(after.state.current.keys.map(\.expiresAt).max() == self.start + .hours(36))
    }

    @Test("a withdrawn key is neither published nor used, also after a restart")
    func withdrawal() async throws {
        let journal = Journal()
        let keys = MemoryKeyManager()
        let rotation = try await self.rotation(journal, keys)
        let first = rotation.state.current.signer.keyID
        let published = try self.kids(rotation)
        try await rotation.withdraw(keyID: first, now: self.start + .hours(1))
        let second = rotation.state.current.signer.keyID
        #expect(second != first)
        // Validators have had it since the first one signed.
        #expect(published.contains(second))
        let remaining = try self.kids(rotation)
        #expect(!remaining.contains(first))
        #expect(remaining.count == 2)
        let restarted = try await self.rotation(journal, keys, withdrawn: [first], now: self.start + .hours(2))
        #expect(try self.kids(restarted) == remaining)
        await #expect(throws: TokenKeyError.unknownKeyID) {
            try await rotation.withdraw(keyID: "nobody", now: self.start)
        }
    }

    @Test("a journal that fails leaves the keys in force")
    func failure() async throws {
        let journal = Journal()
        let rotation = try await self.rotation(journal, MemoryKeyManager())
        let first = rotation.state.current.jwkSet
        journal.fill(true)
        await #expect(throws: Journal.Full.self) { try await rotation.rotate(now: self.start + .hours(20)) }
        #expect(rotation.state.current.jwkSet == first)
        journal.fill(false)
        try await rotation.rotate(now: self.start + .hours(20))
        #expect(try self.kids(rotation).count == 3)
    }

    @Test("a withdrawn key is out of the JWK Set though the journal fails, and its successor is due from then on")
    func failingWithdrawal() async throws {
        let journal = Journal()
        let rotation = try await self.rotation(journal, MemoryKeyManager())
        let first = rotation.state.current.signer.keyID
        journal.fill(true)
        await #expect(throws: Journal.Full.self) {
            try await rotation.withdraw(keyID: first, now: self.start + .hours(1))
        }
        #expect(try !self.kids(rotation).contains(first))
        await #expect(throws: Journal.Full.self) { try await rotation.rotate(now: self.start + .hours(1)) }
        journal.fill(false)
        try await rotation.rotate(now: self.start + .hours(1))
        #expect(rotation.state.current.signer.keyID != first)
        #expect(try !self.kids(rotation).contains(first))
    }

    @Test("a key is withdrawn though its private key cannot be deleted, which the next rotation does")
    func failingDeletion() async throws {
        let keys = ScriptedKeyManager()
        let rotation = try await self.rotation(Journal(), keys)
        let first = rotation.state.current.signer.keyID
        let before = Set(try await keys.names())
        keys.failNextDeletions(1)
        try await rotation.withdraw(keyID: first, now: self.start + .hours(1))
        #expect(rotation.state.current.signer.keyID != first)
        #expect(try await before.isSubset(of: keys.names()))
        try await rotation.rotate(now: self.start + .hours(1))
        #expect(try await keys.names().count == 2)
    }

    @Test("rotations that fail leave no keys behind, however many there are")
    func failuresAddUp() async throws {
        let (journal, keys) = (Journal(), ScriptedKeyManager())
        let rotation = try await self.rotation(journal, keys)
        journal.fill(true)
        for _ in 0..<20 {
            await #expect(throws: Journal.Full.self) { try await rotation.rotate(now: self.start + .hours(20)) }
        }
        #expect(try await keys.names().count == 3)
        journal.fill(false)
        try await rotation.rotate(now: self.start + .hours(20))
        #expect(try await keys.names().count == 2)
    }

    @Test(
        "each kind of key has its algorithm",
        arguments: [(KeyType.ecP384, "ES384"), (.rsa2048, "RS256"), (.ed25519, "EdDSA")])
    func algorithms(type: KeyType, algorithm: String) async throws {
        let (journal, keys) = (Journal(), MemoryKeyManager())
        let state = try await self.rotation(journal, keys, type: type).state.current
        #expect(state.signer.algorithm.rawValue == algorithm)
        let restarted = try await self.rotation(journal, keys, type: type).state.current
        #expect(restarted.jwkSet == state.jwkSet)
        let token = try JWSSigning.compactSynchronously(
            header: ["alg": .string(algorithm)], claims: ["a": "b"]
        ) { try state.signer.sign($0) }
        let key = try #require(state.keys.first?.publicKey)
        #expect(
            try UnverifiedJWT(parsing: token, algorithms: SignatureAlgorithm.allCases).verify(with: key)["a"]?.string
                == "b")
    }

    @Test("a key whose life is too short for the longest token is refused")
    func lifetime() {
        #expect(throws: TokenKeyError.lifetime(.seconds(5_399))) {
            try TokenKeyConfiguration(lifetime: .seconds(5_399))
        }
    }
}
