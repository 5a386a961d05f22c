import AccessTokens
import ArgumentParser
import Crypto
import Foundation
import JOSE
import ServiceAuthorization

/// How long one issue and one validation take, and the signature and the verification alone.
struct Operations: AsyncParsableCommand {
    private static let batch = Batch(count: 2_000)

    @Option(help: "How many times the whole is done; medians count.") var rounds: Int = 7

    private struct Found: Encodable {
        var sign_seconds: [Double] = []
        var issue_seconds: [Double] = []
        var verify_seconds: [Double] = []
        var first_seconds: [Double] = []
        var again_seconds: [Double] = []
    }

    func run() async throws {
        var found = Found()
        // The first round warms up.
        for round in 0...self.rounds {
            let once = try Self.round()
            guard round > 0 else { continue }
            found.sign_seconds += once.sign_seconds
            found.issue_seconds += once.issue_seconds
            found.verify_seconds += once.verify_seconds
            found.first_seconds += once.first_seconds
            found.again_seconds += once.again_seconds
        }
        try printJSON(found)
    }

    private static func round() throws -> Found {
        let now = Date()
        let issuer = try Issuer(now: now)
        var found = Found()
        var tokens: [String] = []
        found.issue_seconds = [try self.batch.each { _ in tokens.append(try issuer.token(now: now)) }]
        // What is signed and verified alone is what the tokens are made of.
        let inputs = tokens.map { Array($0.utf8.prefix { $0 != 0x2E }) + $0.utf8.drop { $0 != 0x2E }.prefix(300) }
        var signatures: [P256.Signing.ECDSASignature] = []
        found.sign_seconds = [try self.batch.each { signatures.append(try issuer.key.signature(for: inputs[$0])) }]
        let publicKey = issuer.key.publicKey
        var valid = 0
        found.verify_seconds = [
            self.batch.each { if publicKey.isValidSignature(signatures[$0], for: inputs[$0]) { valid += 1 } }
        ]
        let validator = issuer.validator()
        let rule = RouteRule(.all(issuer.scopes))
        let validate = { (index: Int) in
            _ = try validator.validate(
                authorization: ["Bearer " + tokens[index]], from: issuer.peer, by: rule, route: "POST /payments")
        }
        found.first_seconds = [try self.batch.each(validate)]
        found.again_seconds = [try self.batch.each(validate)]
        guard valid == self.batch.count else { throw ValidationError("a signature was not valid") }
        return found
    }
}

/// How much memory the tokens take that a validator keeps.
struct Memory: AsyncParsableCommand {
    func run() async throws {
        struct Found: Encodable {
            let tokens: Int
            let bytes: Int
        }
        let now = Date()
        let issuer = try Issuer(now: now)
        let rule = RouteRule(.all(issuer.scopes))
        func use(_ validator: TokenValidator, _ count: Int) throws {
            for _ in 0..<count {
                _ = try validator.validate(
                    authorization: ["Bearer " + issuer.token(now: now)], from: issuer.peer, by: rule,
                    route: "POST /payments")
            }
        }
        // What the first tokens bring with them, of libraries and tables, is not the validator's.
        try use(issuer.validator(), 100)
        let before = try Self.ownBytes()
        let validator = issuer.validator()
        try use(validator, TokenValidator.maxKeptTokens)
        let after = try Self.ownBytes()
        try printJSON(Found(tokens: TokenValidator.maxKeptTokens, bytes: after - before))
        withExtendedLifetime(validator) {}
    }

    /// `RssAnon` of this process.
    private static func ownBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        guard let match = status.firstMatch(of: #/RssAnon:\s+([0-9]+) kB/#), let kilobytes = Int(match.output.1) else {
            throw ValidationError("no RssAnon in /proc/self/status")
        }
        return kilobytes * 1_024
    }
}
