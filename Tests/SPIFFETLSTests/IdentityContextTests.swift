import NIOSSL
import SPIFFE
import SPIFFETLS
import Synchronization
import TestSupport
import Testing

@Suite("The context of a snapshot", .timeLimit(.minutes(1)))
struct IdentityContextTests {
    struct Unusable: Error {}

    let authority: TestAuthority
    let refusals = Recorded<SPIFFETLSError>()
    let made = Recorded<SPIFFEID>()

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    /// Contexts that cannot be made for IDs under `/bad`.
    func contexts() -> IdentityContext {
        IdentityContext(
            makeContext: { [made] svid in
                made.append(svid.id)
                if svid.id.path.hasPrefix("/bad") { throw Unusable() }
                return try NIOSSLContext(configuration: .makeClientConfiguration())
            },
            refusals: RefusedIdentities { [refusals] in refusals.append($0) })
    }

    @Test("is made once for the same snapshot")
    func once() throws {
        let contexts = self.contexts()
        let identity = try self.authority.x509Identity(id: "spiffe://example.org/web")
        let first = try contexts.snapshot(for: identity)
        let second = try contexts.snapshot(for: identity)
        #expect(first.context === second.context)
        #expect(self.made.values.count == 1)
    }

    @Test("is made anew for a new SVID")
    func newSVID() throws {
        let contexts = self.contexts()
        let first = try contexts.snapshot(for: self.authority.x509Identity(id: "spiffe://example.org/web"))
        let second = try contexts.snapshot(for: self.authority.x509Identity(id: "spiffe://example.org/web"))
        #expect(first.context !== second.context)
    }

    @Test("is made anew for new bundles, so that no session outlives them")
    func newBundles() throws {
        let contexts = self.contexts()
        let identity = try self.authority.x509Identity(id: "spiffe://example.org/web")
        let foreign = try TestAuthority(trustDomain: "foreign.test").bundle
        let first = try contexts.snapshot(for: identity)
        let second = try contexts.snapshot(
            for: X509Identity(svid: identity.svid, bundles: TrustBundles([self.authority.bundle, foreign])))
        #expect(first.context !== second.context)
    }

    @Test("a bad new snapshot is refused whole and said so once; the last good one stays in force")
    func badSnapshot() throws {
        let contexts = self.contexts()
        let good = try contexts.snapshot(for: self.authority.x509Identity(id: "spiffe://example.org/web"))
        let bad = try self.authority.x509Identity(id: "spiffe://example.org/bad")
        for _ in 1...3 {
            let inForce = try contexts.snapshot(for: bad)
            #expect(inForce.context === good.context)
            #expect(inForce.identity.svid.id == good.identity.svid.id)
        }
        #expect(self.refusals.values == [.identityUnusable(id("spiffe://example.org/bad"))])
        #expect(self.made.values.count == 2)
    }

    @Test("a bad first snapshot leaves nothing to use")
    func badFirstSnapshot() throws {
        let contexts = self.contexts()
        let bad = try self.authority.x509Identity(id: "spiffe://example.org/bad")
        for _ in 1...2 {
            #expect(throws: SPIFFETLSError.identityUnusable(id("spiffe://example.org/bad"))) {
                try contexts.snapshot(for: bad)
            }
        }
        #expect(self.refusals.values.count == 1)
    }

    @Test("a good snapshot after a bad one is used at once")
    func recovery() throws {
        let contexts = self.contexts()
        _ = try? contexts.snapshot(for: self.authority.x509Identity(id: "spiffe://example.org/bad"))
        let good = try contexts.snapshot(for: self.authority.x509Identity(id: "spiffe://example.org/web"))
        #expect(good.identity.svid.id == id("spiffe://example.org/web"))
    }
}
