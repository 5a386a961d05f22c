import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("openssl verify as a second opinion", .timeLimit(.minutes(1)))
struct OpenSSLTests {
    /// Cases where OpenSSL's answer is the same on every machine.
    static let cases = Vector.all("x509-svid").filter { $0.members["openssl_verifies"]?.bool != nil }

    @Test("openssl finds a valid path exactly where case.json says so", arguments: cases)
    func opensslAgrees(_ vector: Vector) async throws {
        let chain = try vector.chain()
        let now = Int(try vector.now().timeIntervalSince1970)
        let authorities = try vector.bundles().all.flatMap(\.x509Authorities)
        let verifies = try await withTemporaryDirectory { directory in
            let leaf = try directory.write(Self.pem(chain.prefix(1)), to: "leaf.pem")
            let others = try directory.write(Self.pem(chain.dropFirst()), to: "others.pem")
            let roots = try directory.write(Self.pem(authorities[...]), to: "roots.pem")
            let result = try await runProcess(
                "openssl",
                ["verify", "-partial_chain", "-no-CApath", "-no-CAstore", "-attime", String(now), "-CAfile", roots]
                    + (chain.count > 1 ? ["-untrusted", others] : []) + [leaf])
            return result.status == 0
        }
        #expect(verifies == vector.members["openssl_verifies"]?.bool, "\(vector.testDescription)")
    }

    private static func pem(_ certificates: ArraySlice<Certificate>) throws -> [UInt8] {
        Array(try certificates.map { try $0.serializeAsPEM().pemString }.joined(separator: "\n").utf8)
    }
}
