import FoundationEssentials
import JOSE
import SPIFFE
import TestSupport
import Testing
import X509

/// Inputs that are almost right, the same in every run.
///
/// What a parser accepts must survive being written and read again.
@Suite("parsers against inputs that are almost right", .timeLimit(.minutes(1)))
struct FuzzTests {
    @Test("a SPIFFE ID that is accepted is written as it was, and made of its parts again")
    func spiffeIDs() throws {
        let seeds = ["spiffe://example.org/ns/prod/web", "spiffe://a", "spiffe://a_b-c.d/E.F/0"].map { Array($0.utf8) }
        var accepted = 0
        for input in Mutations(of: seeds, count: 50_000, seed: 1) {
            guard let id = try? SPIFFEID(parsing: input) else { continue }
            accepted += 1
            #expect(Array(id.uri.utf8) == input)
            #expect(try SPIFFEID(trustDomain: TrustDomain(parsing: id.trustDomain.name), path: id.path) == id)
        }
        #expect(accepted > 100)
    }

    @Test("a bundle that is accepted is read from its own document again")
    func bundles() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let seeds = Vector.all("trust-bundle").filter { $0.int("padded_to_bytes") == nil }
            .compactMap { try? $0.bytes("document.json") }.filter { $0.count < 4_096 }
        try #require(seeds.count > 20)
        var accepted = 0
        for input in Mutations(of: seeds, count: 5_000, seed: 2) {
            guard let bundle = try? TrustBundle(parsing: input, trustDomain: trustDomain) else { continue }
            accepted += 1
            let again = try TrustBundle(parsing: bundle.document(), trustDomain: trustDomain)
            #expect(again.document() == bundle.document())
            #expect(again.skipped == [])
        }
        #expect(accepted > 100)
    }

    @Test("a token that was changed is refused, however it was changed")
    func tokens() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundles = TrustBundles([authority.bundle])
        let good = try authority.jwt(sub: "spiffe://example.org/web", aud: ["a"])
        let foreign = try TestAuthority(trustDomain: "example.org").jwt(sub: "spiffe://example.org/db", aud: ["a"])
        var accepted = 0
        for input in Mutations(of: [Array(good.utf8), Array(foreign.utf8)], count: 5_000, seed: 3) {
            let token = input.text
            let svid = try? JWTSVID.validate(token, audience: "a", bundles: bundles, now: authority.now)
            if let svid {
                #expect(token == good)
                #expect(svid.id.path == "/web")
                accepted += 1
            }
            _ = try? JWTSVID(receivedFromWorkloadAPI: token)
        }
        // Some mutations change nothing: were all refused, it would be for another reason.
        #expect(accepted > 10)
    }

    @Test("a certificate that was changed is refused, however it was changed")
    func certificates() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let authority = try root.intermediate()
        let (leaf, _) = try authority.issue(id: "spiffe://example.org/web")
        let bundles = TrustBundles([root.bundle])
        var accepted = 0
        for input in Mutations(of: [leaf.derBytes], count: 5_000, seed: 4) {
            guard let certificates = try? TrustBundle.parseCertificates(concatenatedDER: input) else { continue }
            let chain = certificates + [authority.certificate]
            let svid = try? VerifiedX509SVID.validate(chain, bundles: bundles, now: root.now)
            if svid != nil {
                #expect(certificates.first?.derBytes == leaf.derBytes)
                accepted += 1
            }
            _ = try? X509SVID(certificatesDER: input, privateKeyPKCS8DER: [])
        }
        #expect(accepted > 10)
    }
}
