import JOSE
import KeyManagement
import TestSupport
import Testing

/// What every key manager promises.
@Suite("Key manager contract", .timeLimit(.minutes(1)))
struct KeyManagerContractTests {
    enum Implementation: CaseIterable {
        case memory, disk
    }

    private func withKeyManager(
        _ implementation: Implementation, _ body: (any KeyManager) async throws -> Void
    ) async throws {
        switch implementation {
        case .memory: try await body(MemoryKeyManager())
        case .disk:
            try await withTemporaryDirectory { directory in
                try await body(DiskKeyManager(path: directory.path("keys.json")))
            }
        }
    }

    @Test("there are no keys at first", arguments: Implementation.allCases)
    func empty(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            let (keys, key) = (try await manager.keys(), try await manager.key(id: "a"))
            #expect(keys.isEmpty)
            #expect(key?.id == nil)
        }
    }

    @Test("a key of each type is made, found and signs", arguments: Implementation.allCases, KeyType.allCases)
    func generated(implementation: Implementation, type: KeyType) async throws {
        try await self.withKeyManager(implementation) { manager in
            let made = try await manager.generateKey(id: "x509-A", type: type)
            #expect(made.id == "x509-A")
            #expect(made.type == type)
            let kept = try await manager.key(id: "x509-A")
            let found = try #require(kept)
            #expect(found.publicKey == made.publicKey)
            let signature = try found.sign([1, 2, 3], algorithm: type.jwtAlgorithm)
            #expect(made.publicKey.isValidSignature(signature, for: [1, 2, 3], algorithm: type.jwtAlgorithm))
        }
    }

    @Test("a new key takes the place of the one of that name", arguments: Implementation.allCases)
    func replaced(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            let first = try await manager.generateKey(id: "a", type: .ecP256)
            let second = try await manager.generateKey(id: "a", type: .ecP384)
            #expect(first.publicKey != second.publicKey)
            let kept = try await manager.keys().map(\.publicKey)
            #expect(kept == [second.publicKey])
            #expect(
                first.publicKey.isValidSignature(try first.sign([1], algorithm: .es256), for: [1], algorithm: .es256))
        }
    }

    @Test("keys are listed by name", arguments: Implementation.allCases)
    func listed(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            for id in ["b", "a", "c"] { _ = try await manager.generateKey(id: id, type: .ecP256) }
            let kept = try await manager.keys().map(\.id)
            #expect(kept == ["a", "b", "c"])
        }
    }

    @Test("a deleted key is gone; deleting none changes nothing", arguments: Implementation.allCases)
    func deleted(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            for id in ["a", "b"] { _ = try await manager.generateKey(id: id, type: .ecP256) }
            try await manager.deleteKey(id: "a")
            try await manager.deleteKey(id: "a")
            let kept = try await manager.keys().map(\.id)
            #expect(kept == ["b"])
        }
    }

    @Test("keys made at the same time are all kept", arguments: Implementation.allCases)
    func concurrent(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 10..<30 {
                    group.addTask { _ = try await manager.generateKey(id: "\(number)", type: .ecP256) }
                }
                try await group.waitForAll()
            }
            let kept = try await manager.keys().map(\.id)
            #expect(kept == (10..<30).map(String.init))
        }
    }

    @Test("memory holds at most 1024 keys; one of them can be replaced")
    func tooManyKeys() async throws {
        let manager = MemoryKeyManager()
        for number in 1...1_024 { _ = try await manager.generateKey(id: "\(number)", type: .ecP256) }
        await #expect(throws: KeyManagerError.tooManyKeys(limit: 1_024)) {
            try await manager.generateKey(id: "new", type: .ecP256)
        }
        _ = try await manager.generateKey(id: "7", type: .ecP256)
        let count = try await manager.keys().count
        #expect(count == 1_024)
        #expect("\(KeyManagerError.tooManyKeys(limit: 1_024))" == "there are 1024 keys already")
    }

    @Test("names of 1 to 255 bytes without control characters are accepted", arguments: Implementation.allCases)
    func names(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            for id in ["a", String(repeating: "é", count: 127) + "x", "a/b \"c\" \\"] {
                _ = try await manager.generateKey(id: id, type: .ecP256)
                let kept = try await manager.key(id: id)
                #expect(kept?.id == id)
            }
            for id in ["", String(repeating: "é", count: 128), "a\nb", "a\u{0}"] {
                await #expect(throws: KeyManagerError.invalidKeyID) {
                    try await manager.generateKey(id: id, type: .ecP256)
                }
            }
        }
    }

    @Test("an algorithm of another type of key is refused", arguments: Implementation.allCases)
    func otherAlgorithm(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            let key = try await manager.generateKey(id: "a", type: .ecP256)
            #expect(throws: KeyManagerError.key(id: "a", .unsupportedAlgorithm(.ecP256, .es384))) {
                try key.sign([1], algorithm: .es384)
            }
        }
    }

    @Test("a key shows nothing of itself", arguments: Implementation.allCases)
    func redacted(implementation: Implementation) async throws {
        try await self.withKeyManager(implementation) { manager in
            let key = try await manager.generateKey(id: "a", type: .ecP256)
            var dumped = ""
            dump(key, to: &dumped)
            #expect("\(key)" == "<redacted>")
            #expect("\([key])" == "[<redacted>]")
            #expect(dumped == "- <redacted>\n")
        }
    }
}
