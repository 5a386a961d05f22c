import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport

extension FuzzTarget {
    /// WIT-SVIDs with their proofs, one line each: no change makes a valid pair of others.
    static func witSVID() throws -> FuzzTarget {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let bundle = try TrustBundle(
            parsing: SeedFiles.vector("wit-svid", "ok").bytes("bundle.json"), trustDomain: trustDomain)
        let scope = try WorkloadProofScope(target: "https://reports.example.org/a")
        let bundles = TrustBundles([bundle])
        // Refused in their cases for the bundle, the request or the rules there, which are others here.
        let others: Set = [
            "entry-without-use", "key-of-jwt-entry", "kid-of-two-kinds", "lifetime-too-long", "no-wit-authorities",
            "proof-ath-missing", "proof-oth-missing", "proof-tth-missing",
        ]
        var pairs: [[UInt8]] = []
        var signed: Set<[String]> = []
        for vector in try SeedFiles.vectors("wit-svid", with: "proof.txt") {
            let (token, proof) = try (vector.bytes("token.txt"), vector.bytes("proof.txt"))
            pairs.append(token + [0x0A] + proof)
            if try vector.isAccepted || others.contains(vector.name) {
                signed.insert([Self.signingInput(token.text), Self.signingInput(proof.text)])
            }
        }
        let known = signed
        return try FuzzTarget(
            "wit-svid", maxBytes: 2 * UnverifiedJWT.maxTokenBytes + 1, seeds: pairs
        ) { input in
            guard let text = String(validating: input, as: UTF8.self) else { return false }
            let lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { String(Substring($0)) }
            guard lines.count == 2 else { return false }
            let svid = try? VerifiedWITSVID.validate(
                lines[0], proof: lines[1], for: scope, bundles: bundles, now: FixedAuthority.now)
            guard let svid else { return false }
            try hold(known.contains(lines.map(Self.signingInput)), "what nobody signed is that of \(svid.id)")
            try hold(svid.id.trustDomain == trustDomain && svid.expiresAt > FixedAuthority.now, "it has expired")
            let bare = try? VerifiedWITSVID.validate(
                lines[0], proof: nil, for: scope, bundles: bundles, now: FixedAuthority.now)
            try hold(bare == nil, "a token is accepted without its proof")
            return true
        }
    }
}
