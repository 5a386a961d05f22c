import ArgumentParser
import Crypto
import Foundation
import SPIFFE
import TestSupport
import X509

/// How long it takes to parse a SPIFFE ID and to validate SVIDs, and a verification alone.
struct SVIDs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "svids")

    private static let ids = Batch(count: 100_000)
    private static let svids = Batch(count: 1_000)
    private static let audience = "spiffe://bench.example/reports"

    @Option(help: "How many times the whole is done; medians count.") var rounds: Int = 7

    private struct Found: Encodable {
        var verify_seconds: [Double] = []
        var parse_id_seconds: [Double] = []
        /// From the bytes that a peer presents to its verified ID; the certificates are parsed on the way.
        var x509_seconds: [Double] = []
        /// The same without parsing the certificates.
        var x509_parsed_seconds: [Double] = []
        var jwt_seconds: [Double] = []
        var jwt_again_seconds: [Double] = []
    }

    func run() async throws {
        var found = Found()
        // The first round warms up.
        for round in 0...self.rounds {
            let once = try Self.round()
            guard round > 0 else { continue }
            found.verify_seconds += once.verify_seconds
            found.parse_id_seconds += once.parse_id_seconds
            found.x509_seconds += once.x509_seconds
            found.x509_parsed_seconds += once.x509_parsed_seconds
            found.jwt_seconds += once.jwt_seconds
            found.jwt_again_seconds += once.jwt_again_seconds
        }
        try printJSON(found)
    }

    private static func round() throws -> Found {
        let root = try TestAuthority(trustDomain: "bench.example", now: Date())
        let issuer = try root.intermediate()
        let bundles = TrustBundles([root.bundle])
        var found = Found()
        found.verify_seconds = [try self.verifications()]

        let uris = (0..<1_000).map { "spiffe://bench.example/ns/production/sa/service-\($0)" }
        var bytes = 0
        found.parse_id_seconds = [
            try self.ids.each { bytes += try SPIFFEID(parsing: uris[$0 % uris.count]).path.utf8.count }
        ]

        let chains = try (0..<self.svids.count).map { index in
            try issuer.chain(id: uris[index % uris.count]).map(\.derBytes)
        }
        let validate = { (chain: [Certificate]) in
            guard try VerifiedX509SVID.validate(chain, bundles: bundles, now: root.now).chain.count == 3 else {
                throw ValidationError("the path is not leaf, intermediate and root")
            }
        }
        // What a handshake does with the chain of a peer that it has not seen before.
        let peers = X509SVIDValidator()
        found.x509_seconds = [
            try self.svids.each {
                let judged = try peers.validate(chains[$0], bundles: bundles, now: root.now)
                guard !judged.isRepeated, judged.peer.chain.count == 3 else {
                    throw ValidationError("a chain was not judged whole")
                }
            }
        ]
        let parsed = try chains.map { try $0.map { try Certificate(received: $0) } }
        found.x509_parsed_seconds = [try self.svids.each { try validate(parsed[$0]) }]

        let tokens = try (0..<self.svids.count).map { try root.jwt(sub: uris[$0 % uris.count], aud: [self.audience]) }
        let validator = JWTSVIDValidator()
        var repeated = 0
        let judge = { (index: Int) in
            let judged = try validator.validate(
                tokens[index], audience: self.audience, bundles: bundles, now: root.now)
            if judged.isRepeated { repeated += 1 }
        }
        found.jwt_seconds = [try self.svids.each(judge)]
        found.jwt_again_seconds = [try self.svids.each(judge)]
        guard bytes > 0, repeated == self.svids.count else { throw ValidationError("not every token was known") }
        return found
    }

    /// The seconds that a raw P-256 verification takes, of as many bytes as a small certificate or token has.
    private static func verifications() throws -> Double {
        let key = P256.Signing.PrivateKey()
        let inputs = (0..<self.svids.count).map { index in [UInt8](repeating: UInt8(index & 0xFF), count: 400) }
        let signatures = try inputs.map { try key.signature(for: $0) }
        let publicKey = key.publicKey
        var valid = 0
        let seconds = self.svids.each {
            if publicKey.isValidSignature(signatures[$0], for: inputs[$0]) { valid += 1 }
        }
        guard valid == self.svids.count else { throw ValidationError("a signature was not valid") }
        return seconds
    }
}
