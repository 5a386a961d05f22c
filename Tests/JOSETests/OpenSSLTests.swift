import Crypto
import Foundation
import JOSE
import TestSupport
import Testing

/// OpenSSL as an independent oracle for our signatures and keys.
@Suite("OpenSSL agrees", .timeLimit(.minutes(1)))
struct OpenSSLTests {
    /// Takes a token apart without our own parser and lets `openssl dgst` check the signature.
    private func verify(_ token: String, key: JOSE.PublicKey, options: [String] = []) async throws -> ProcessOutput {
        let parts = token.split(separator: ".").map(String.init)
        let input = Array(parts.prefix(2).joined(separator: ".").utf8)
        var signature = try #require(Data(base64Encoded: Self.padded(parts[2])))
        if key.supportedAlgorithms == [.es256] {
            signature = try P256.Signing.ECDSASignature(rawRepresentation: signature).derRepresentation
        }
        let pem = "-----BEGIN PUBLIC KEY-----\n\(key.subjectPublicKeyInfoDER.base64)\n-----END PUBLIC KEY-----\n"
        return try await withTemporaryDirectory { directory in
            try await runProcess(
                "openssl",
                ["dgst", "-sha256", "-verify", directory.write(Array(pem.utf8), to: "key.pem")] + options + [
                    "-signature", directory.write(Array(signature), to: "signature"),
                    directory.write(input, to: "input"),
                ])
        }
    }

    private static func padded(_ text: String) -> String {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        return standard + String(repeating: "=", count: (4 - standard.count % 4) % 4)
    }

    @Test(
        "a token that is made here verifies with openssl",
        arguments: [
            (.es256, []), (.rs256, []),
            (.ps256, ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]),
        ] as [(SignatureAlgorithm, [String])])
    func verifies(algorithm: SignatureAlgorithm, options: [String]) async throws {
        let token = try await JWSSigning.compact(
            header: ["alg": .string(algorithm.rawValue)], claims: ["sub": "spiffe://example.org/web"]
        ) { try TestKeys.sign($0, algorithm) }
        let key = try TestKeys.publicKey(algorithm)
        let result = try await self.verify(token, key: key, options: options)
        #expect(result.outputText == "Verified OK\n")
        #expect(result.status == 0)

        // And the oracle is one that can say no.
        #expect(try await self.verify("x" + token, key: key, options: options).status == 1)
    }

    @Test(
        "a signature that openssl makes is valid here",
        arguments: [
            (.es256, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], []),
            (.rs256, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], []),
            (
                .ps256, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
            ),
        ] as [(SignatureAlgorithm, [String], [String])])
    func accepts(algorithm: SignatureAlgorithm, generation: [String], options: [String]) async throws {
        #expect(try await self.isAccepted(algorithm, generation, options))
    }

    @Test("a PSS signature whose salt is not as long as the hash is refused", arguments: [0, 20, 48])
    func saltLength(bytes: Int) async throws {
        let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:\(bytes)"]
        let generation = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        #expect(try await !self.isAccepted(.ps256, generation, options))
    }

    private func isAccepted(
        _ algorithm: SignatureAlgorithm, _ generation: [String], _ options: [String]
    ) async throws -> Bool {
        try await withTemporaryDirectory { directory in
            let message = Array("the signing input".utf8)
            let key = directory.path("key.pem")
            #expect(try await runProcess("openssl", ["genpkey", "-out", key] + generation).status == 0)
            let der = try await runProcess("openssl", ["pkey", "-in", key, "-pubout", "-outform", "DER"]).output
            let made = try await runProcess("openssl", ["dgst", "-sha256", "-sign", key] + options, input: message)
            var signature = made.output
            if algorithm == .es256 {
                signature = Array(try P256.Signing.ECDSASignature(derRepresentation: signature).rawRepresentation)
            }
            let publicKey = try JOSE.PublicKey(subjectPublicKeyInfoDER: der)
            return publicKey.isValidSignature(signature, for: message, algorithm: algorithm)
        }
    }
}
