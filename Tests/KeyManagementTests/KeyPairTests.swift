import JOSE
import KeyManagement
import TestSupport
import Testing
import X509

@Suite("Key pairs", .timeLimit(.minutes(1)))
struct KeyPairTests {
    @Test("a key comes back from its PKCS#8", arguments: KeyType.allCases)
    func roundTrip(type: KeyType) throws {
        let key = try KeyPair.generate(type)
        let again = try KeyPair(pkcs8DER: key.pkcs8DER)
        #expect(again.type == type)
        #expect(again.publicKey == key.publicKey)
        #expect(again.pkcs8DER == key.pkcs8DER)
    }

    @Test("the certificate key is the same key", arguments: KeyType.allCases)
    func certificateKey(type: KeyType) throws {
        let key = try KeyPair.generate(type)
        #expect(Array(key.certificateKey.publicKey.subjectPublicKeyInfoBytes) == expectedKeyBytes(key))
    }

    /// The bits of the key within its SubjectPublicKeyInfo.
    private func expectedKeyBytes(_ key: KeyPair) -> [UInt8] {
        Array(
            key.publicKey.subjectPublicKeyInfoDER.suffix(key.certificateKey.publicKey.subjectPublicKeyInfoBytes.count))
    }

    @Test("a key signs with each of its algorithms", arguments: KeyType.allCases)
    func signs(type: KeyType) throws {
        let key = try KeyPair.generate(type)
        for algorithm in key.publicKey.supportedAlgorithms {
            let signature = try key.sign([1, 2, 3], algorithm: algorithm)
            #expect(key.publicKey.isValidSignature(signature, for: [1, 2, 3], algorithm: algorithm))
        }
    }

    @Test("JWT-04: the JWT algorithm goes with the type")
    func jwtAlgorithms() {
        #expect(KeyType.allCases.map(\.jwtAlgorithm) == [.es256, .es384, .edDSA, .rs256, .rs256])
    }

    @Test("a key of one type does not sign with the algorithm of another")
    func otherAlgorithms() throws {
        let key = try KeyPair.generate(.ecP384)
        for algorithm in SignatureAlgorithm.allCases where algorithm != .es384 {
            #expect(throws: KeyPairError.unsupportedAlgorithm(.ecP384, algorithm)) {
                try key.sign([1], algorithm: algorithm)
            }
        }
    }

    @Test("openssl reads a key that is made here as a consistent private key", arguments: KeyType.allCases)
    func readByOpenSSL(type: KeyType) async throws {
        let key = try KeyPair.generate(type)
        let checked = try await runProcess(
            "openssl", ["pkey", "-inform", "DER", "-check", "-noout"], input: key.pkcs8DER)
        #expect(checked.outputText == "Key is valid\n")
        let publicKey = try await runProcess(
            "openssl", ["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input: key.pkcs8DER)
        #expect(publicKey.output == key.publicKey.subjectPublicKeyInfoDER)
    }

    @Test(
        "keys of openssl are read when they are PKCS#8 and of a type that is supported",
        arguments: [
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], .success(.ecP256)),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], .success(.ecP384)),
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], .success(.rsa2048)),
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], .failure(.unsupportedKeyType)),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], .failure(.unsupportedKeyType)),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], .failure(.unsupportedKeyType)),
            (["-algorithm", "ED25519"], .success(.ed25519)),
            (["-algorithm", "X25519"], .failure(.unsupportedKeyType)),
        ] as [([String], Result<KeyType, KeyPairError>)])
    func madeByOpenSSL(generation: [String], expected: Result<KeyType, KeyPairError>) async throws {
        let der = try await runProcess("openssl", ["genpkey", "-outform", "DER"] + generation)
        // genpkey writes the traditional form in DER, so it is converted.
        let pkcs8 = try await runProcess(
            "openssl", ["pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER"], input: der.output)
        try #require(pkcs8.status == 0, "\(pkcs8.errorText)")
        let result = Result { () throws(KeyPairError) in try KeyPair(pkcs8DER: pkcs8.output).type }
        #expect(result == expected)
    }

    @Test("PKCS#1, SEC1 and public keys are refused", arguments: [KeyType.ecP256, .rsa2048])
    func otherForms(type: KeyType) async throws {
        let key = try KeyPair.generate(type)
        let traditional = try await runProcess(
            "openssl", ["pkey", "-inform", "DER", "-outform", "DER", "-traditional"], input: key.pkcs8DER)
        try #require(traditional.status == 0 && traditional.output != key.pkcs8DER)
        #expect(throws: KeyPairError.malformed) { try KeyPair(pkcs8DER: traditional.output) }
        #expect(throws: KeyPairError.malformed) { try KeyPair(pkcs8DER: key.publicKey.subjectPublicKeyInfoDER) }
        #expect(throws: KeyPairError.malformed) { try KeyPair(pkcs8DER: key.pkcs8DER + [0]) }
        #expect(throws: KeyPairError.malformed) { try KeyPair(pkcs8DER: []) }
    }

    @Test("no damage to a key traps")
    func mutations() throws {
        let seeds = try [KeyType.ecP256, .ecP384, .rsa2048, .ed25519].map { try KeyPair.generate($0).pkcs8DER }
        for der in Mutations(of: seeds, count: 2_000, seed: 7) {
            guard let key = try? KeyPair(pkcs8DER: der) else { continue }
            let algorithm = key.type.jwtAlgorithm
            // A key that is accepted is one that works.
            let signature = try key.sign([1], algorithm: algorithm)
            #expect(key.publicKey.isValidSignature(signature, for: [1], algorithm: algorithm))
        }
    }

    @Test("a key pair shows nothing of itself")
    func redacted() throws {
        let key = try KeyPair.generate(.ecP256)
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key)" == "<redacted>")
        #expect(String(reflecting: Optional(key)) == "Optional(<redacted>)")
        #expect(dumped == "- <redacted>\n")
    }
}
