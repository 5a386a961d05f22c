import JOSE
import KeyManagement
import Synchronization
import TestSupport
import Testing

@Suite("Keys on disk", .timeLimit(.minutes(1)))
struct DiskKeyManagerTests {
    @Test("keys are there again after a restart")
    func restart() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            var expected: [PublicKey] = []
            do {
                let manager = try DiskKeyManager(path: path)
                for type in KeyType.allCases {
                    expected.append(try await manager.generateKey(id: type.rawValue, type: type).publicKey)
                }
            }
            do {
                let restarted = try DiskKeyManager(path: path)
                let keys = try await restarted.keys()
                #expect(keys.map(\.publicKey) == expected)
                #expect(keys.map(\.type) == KeyType.allCases)
                try await restarted.deleteKey(id: "rsa-2048")
            }
            let left = try await DiskKeyManager(path: path).keys()
            #expect(left.map(\.id) == ["ec-p256", "ec-p384", "ed25519", "rsa-4096"])
        }
    }

    @Test("the file is made at the first change, with mode 0600, and nothing but its lock is left beside it")
    func file() async throws {
        try await withTemporaryDirectory { directory in
            let manager = try DiskKeyManager(path: directory.path("keys.json"))
            try await manager.deleteKey(id: "a")
            #expect(try directory.names() == ["keys.json.lock"])
            _ = try await manager.generateKey(id: "a", type: .ecP256)
            _ = try await manager.generateKey(id: "a", type: .ecP256)
            #expect(try directory.names() == ["keys.json", "keys.json.lock"])
            #expect(try directory.mode(of: "keys.json") == 0o600)
            #expect(try directory.mode(of: "keys.json.lock") == 0o600)
        }
    }

    @Test("a file that is in use is refused with its path, and free again when its user is gone")
    func inUse() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            let isFree = {
                try await runProcess("flock", ["--nonblock", path + ".lock", "true"]).status == 0
            }
            do {
                let manager = try DiskKeyManager(path: path)
                #expect(throws: KeyManagerError.inUse(path: path)) { try DiskKeyManager(path: path) }
                #expect(try await !isFree())
                _ = try await manager.generateKey(id: "a", type: .ecP256)
            }
            #expect(try await isFree())
            let keys = try await DiskKeyManager(path: path).keys()
            #expect(keys.map(\.id) == ["a"])
            #expect("\(KeyManagerError.inUse(path: path))" == "another process uses the key file '\(path)'")
        }
    }

    @Test("what an interrupted write left is removed, and nothing else")
    func leftovers() async throws {
        try await withTemporaryDirectory { directory in
            let leftovers = ["keys.json.0.tmp", "keys.json.3w5e11264sgsf.tmp"]
            let others = [
                "agent.json.0.tmp", "keys.json.0.tmp.old", "keys.json.3w5e11264sgsg.tmp", "keys.json.A.tmp",
                "keys.json.a b.tmp", "keys.json.tmp", "xkeys.json.0.tmp",
            ]
            for name in leftovers + others { try directory.write([1], to: name) }
            _ = try DiskKeyManager(path: directory.path("keys.json"))
            #expect(try directory.names() == (others + ["keys.json.lock"]).sorted())
        }
    }

    @Test("leftovers of a file that is in use stay: its user may be writing them")
    func leftoversInUse() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            let manager = try DiskKeyManager(path: path)
            try directory.write([1], to: "keys.json.0.tmp")
            #expect(throws: KeyManagerError.inUse(path: path)) { try DiskKeyManager(path: path) }
            #expect(try directory.names() == ["keys.json.0.tmp", "keys.json.lock"])
            withExtendedLifetime(manager) {}
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
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            let refused = PrivateFileError.looseDirectory(path: directory.path, mode: 0o777)
            let old: PublicKey
            do {
                let manager = try DiskKeyManager(path: path)
                old = try await manager.generateKey(id: "a", type: .ecP256).publicKey
                try directory.setMode(0o777)
                await #expect(throws: KeyManagerError.file(refused)) {
                    try await manager.generateKey(id: "a", type: .ecP256)
                }
                await #expect(throws: KeyManagerError.file(refused)) { try await manager.deleteKey(id: "a") }
                let keys = try await manager.keys()
                #expect(keys.map(\.publicKey) == [old])
                try directory.setMode(0o700)
            }
            let kept = try await DiskKeyManager(path: path).keys()
            #expect(kept.map(\.publicKey) == [old])
            #expect(!KeyManagerError.file(refused).isInForce)
        }
    }

    @Test("a directory that is not there is refused at the start")
    func noDirectory() async throws {
        try await withTemporaryDirectory { directory in
            let refused = PrivateFileError.system(operation: "open", path: directory.path("gone"), code: 2)
            #expect(throws: KeyManagerError.file(refused)) {
                try DiskKeyManager(path: directory.path("gone/keys.json"))
            }
            #expect("\(refused)" == "cannot open '\(directory.path("gone"))': No such file or directory")
        }
    }

    @Test("a change that is in the file and may not survive a power failure is in memory, too, and said")
    func notFlushed() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("keys.json")
            let flushing = PrivateFileError.system(operation: "flush", path: directory.path, code: 5)
            let error = KeyManagerError.file(.notFlushed(path: path, flushing))
            let flushes = Mutex(true)
            let new: [PublicKey]
            do {
                let manager = try DiskKeyManager(path: path) { bytes, path throws(PrivateFileError) in
                    try PrivateFile.write(bytes, to: path)
                    guard flushes.withLock({ $0 }) else { throw .notFlushed(path: path, flushing) }
                }
                let old = try await manager.generateKey(id: "a", type: .ecP256).publicKey
                _ = try await manager.generateKey(id: "b", type: .ecP256)
                flushes.withLock { $0 = false }
                await #expect(throws: error) { try await manager.generateKey(id: "a", type: .ecP256) }
                await #expect(throws: error) { try await manager.deleteKey(id: "b") }
                new = try await manager.keys().map(\.publicKey)
                #expect(new.count == 1)
                #expect(new != [old])
            }
            let kept = try await DiskKeyManager(path: path).keys()
            #expect(kept.map(\.publicKey) == new)
            #expect(error.isInForce)
            #expect(
                "\(error)" == "'\(path)' is replaced, but the old file may be there again after a power failure: "
                    + "cannot flush '\(directory.path)': Input/output error")
        }
    }

    /// A file of one key under many names.
    private func file(keys count: Int) throws -> [UInt8] {
        let pkcs8 = try KeyPair.generate(.ecP256).pkcs8DER.base64
        let keys = (1...count).map { #"{"id":"\#($0)","type":"ec-p256","pkcs8":"\#(pkcs8)"}"# }
        return Array(#"{"version":1,"keys":[\#(keys.joined(separator: ","))]}"#.utf8)
    }

    @Test("there are at most 1024 keys; one of them can be replaced")
    func tooManyKeys() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(self.file(keys: 1_024), to: "keys.json")
            let manager = try DiskKeyManager(path: path)
            await #expect(throws: KeyManagerError.tooManyKeys(limit: 1_024)) {
                try await manager.generateKey(id: "new", type: .ecP256)
            }
            _ = try await manager.generateKey(id: "7", type: .ecP256)
            let count = try await manager.keys().count
            #expect(count == 1_024)
        }
    }

    @Test("a file of more keys than the limit is refused")
    func tooManyKeysInFile() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(self.file(keys: 1_025), to: "keys.json")
            #expect(throws: KeyManagerError.corruptedFile(path: path, reason: "there are more than 1024 keys")) {
                try DiskKeyManager(path: path)
            }
        }
    }

    @Test("an error of a file of keys shows no key, not even a part of one")
    func secrets() async throws {
        try await withTemporaryDirectory { directory in
            let path = try await self.damaged("\"type\": \"ec-p384\"", by: "\"type\": \"x\"", in: directory)
            let secrets = try directory.read("keys.json").text.split(separator: "\"").filter { $0.hasPrefix("MI") }
            try #require(secrets.count == 2)
            let error = #expect(throws: KeyManagerError.self) { try DiskKeyManager(path: path) }
            var shown = "\(try #require(error)) \(String(reflecting: error))"
            dump(error, to: &shown)
            for secret in secrets {
                for start in secret.indices.dropLast(15) { #expect(!shown.contains(secret[start...].prefix(16))) }
            }
        }
    }
}
