import JOSE
import KeyManagement
import TestSupport
import Testing

@Suite("Keys on disk", .timeLimit(.minutes(1)))
struct DiskKeyManagerTests {
    @Test("keys are there again after a restart")
    func restart() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            var expected: [PublicKey] = []
            let manager = try DiskKeyManager(path: path)
            for type in KeyType.allCases {
                expected.append(try await manager.generateKey(id: type.rawValue, type: type).publicKey)
            }
            let restarted = try DiskKeyManager(path: path)
            let keys = try await restarted.keys()
            #expect(keys.map(\.publicKey) == expected)
            #expect(keys.map(\.type) == KeyType.allCases)
            try await restarted.deleteKey(id: "rsa-2048")
            let left = try await DiskKeyManager(path: path).keys()
            #expect(left.count == 3)
        }
    }

    @Test("the file is made at the first change, with mode 0600, and nothing else is left in the directory")
    func file() async throws {
        try await withTemporaryDirectory { directory in
            let manager = try DiskKeyManager(path: directory.path("keys.json"))
            try await manager.deleteKey(id: "a")
            #expect(try directory.names() == [])
            _ = try await manager.generateKey(id: "a", type: .ecP256)
            _ = try await manager.generateKey(id: "a", type: .ecP256)
            #expect(try directory.names() == ["keys.json"])
            #expect(try directory.mode(of: "keys.json") == 0o600)
        }
    }

    @Test(
        "a file that others may read is refused with its path and mode",
        arguments: [0o640, 0o604, 0o660, 0o700, 0o4600])
    func looseMode(mode: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(#"{"version":1,"keys":[]}"#.utf8), to: "keys.json", mode: mode)
            let refused = PrivateFileError.looseMode(path: path, mode: UInt32(mode), allowed: 0o600)
            #expect(throws: KeyManagerError.file(refused)) { try DiskKeyManager(path: path) }
            let octal = "0" + String(mode, radix: 8)
            #expect("\(KeyManagerError.file(refused))".contains("'\(path)' has mode \(octal.suffix(4))"))
        }
    }

    @Test("a stricter mode is accepted")
    func strictMode() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(#"{"version":1,"keys":[]}"#.utf8), to: "keys.json", mode: 0o400)
            let keys = try await DiskKeyManager(path: path).keys()
            #expect(keys.isEmpty)
        }
    }

    /// A file that differs from a good one by one replacement.
    private func damaged(_ replaced: String, by replacement: String, in directory: TemporaryDirectory) async throws
        -> String
    {
        let manager = try DiskKeyManager(path: directory.path("keys.json"))
        _ = try await manager.generateKey(id: "a", type: .ecP256)
        _ = try await manager.generateKey(id: "b", type: .ecP384)
        let text = try directory.read("keys.json").text
        try #require(text.contains(replaced))
        return try directory.write(Array(text.replacing(replaced, with: replacement).utf8), to: "keys.json")
    }

    @Test(
        "a corrupted file is refused whole, with what is wrong",
        arguments: [
            ("{\n", "", "not valid JSON (trailingBytes(offset: 11))"),
            ("\"version\": 1", "\"version\": 2", "'version' is not 1"),
            ("\"version\": 1,", "", "'version' is not 1"), ("\"keys\": [", "\"x\": [", "'keys' is not an array"),
            ("\"version\": 1,", "\"version\": 1, \"x\": 0,", "there are members other than 'version' and 'keys'"),
            ("\"id\": \"b\"", "\"id\": \"a\"", "key 'a' is there twice"),
            ("\"id\": \"b\"", "\"id\": \"\"", "key 2: a key ID has 1 to 255 bytes and no control characters"),
            ("\"id\": \"b\"", "\"id\": 5", "key 2 does not consist of 'id', 'type' and 'pkcs8'"),
            ("\"id\": \"b\"", "\"id\": \"b\", \"x\": 0", "key 2 does not consist of 'id', 'type' and 'pkcs8'"),
            ("ec-p384", "ec-p521", "key 'b' has an unknown type"),
            ("ec-p384", "rsa-2048", "key 'b' is not of its type rsa-2048"),
            ("\"pkcs8\": \"", "\"pkcs8\": \"!", "key 'a' holds no private key"),
            ("\"pkcs8\": \"MIG", "\"pkcs8\": \"AAAA", "key 'a' holds no private key"),
        ])
    func corrupted(replaced: String, replacement: String, reason: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = try await self.damaged(replaced, by: replacement, in: directory)
            let error = KeyManagerError.corruptedFile(path: path, reason: reason)
            #expect(throws: error) { try DiskKeyManager(path: path) }
            #expect("\(error)" == "the key file '\(path)' is corrupted: \(reason); no key of it is used")
        }
    }

    @Test("a file that is cut off anywhere is refused, and stays as it is")
    func truncated() async throws {
        try await withTemporaryDirectory { directory in
            let manager = try DiskKeyManager(path: directory.path("keys.json"))
            _ = try await manager.generateKey(id: "a", type: .ecP256)
            let whole = try directory.read("keys.json")
            // Without its last byte, a line break, the file is still whole.
            for length in 0..<(whole.count - 1) {
                let path = try directory.write(Array(whole.prefix(length)), to: "cut.json")
                #expect(throws: KeyManagerError.self) { try DiskKeyManager(path: path) }
                #expect(try directory.read("cut.json").count == length)
            }
        }
    }

    @Test("no damage to the file traps, or makes a key that was not there")
    func mutations() async throws {
        try await withTemporaryDirectory { directory in
            let manager = try DiskKeyManager(path: directory.path("keys.json"))
            let key = try await manager.generateKey(id: "a", type: .ecP256).publicKey
            let whole = try directory.read("keys.json")
            for bytes in Mutations(of: [whole], count: 1_000, seed: 6) {
                let path = try directory.write(bytes, to: "damaged.json")
                guard let keys = try? await DiskKeyManager(path: path).keys() else { continue }
                #expect(keys.allSatisfy { $0.publicKey == key })
            }
        }
    }

    @Test("a key that could not be written is not used, and the old one stays")
    func failedWrite() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("gone/keys.json")
        try await withTemporaryDirectory { _ in
            let manager = try DiskKeyManager(path: path)
            let refused = PrivateFileError.system(operation: "open", path: directory.path("gone"), code: 2)
            await #expect(throws: KeyManagerError.file(refused)) {
                try await manager.generateKey(id: "a", type: .ecP256)
            }
            let keys = try await manager.keys()
            #expect(keys.isEmpty)
            #expect("\(refused)" == "cannot open '\(directory.path("gone"))': No such file or directory")
        }
    }

    @Test("errors and files of keys show no key outside of the file")
    func secrets() async throws {
        try await withTemporaryDirectory { directory in
            let path = try await self.damaged("\"type\": \"ec-p384\"", by: "\"type\": \"x\"", in: directory)
            let secrets = try directory.read("keys.json").text.split(separator: "\"").filter { $0.hasPrefix("MI") }
            #expect(secrets.count == 2)
            do {
                _ = try DiskKeyManager(path: path)
            } catch {
                for secret in secrets { #expect(!"\(error)".contains(secret.prefix(16))) }
            }
        }
    }
}
