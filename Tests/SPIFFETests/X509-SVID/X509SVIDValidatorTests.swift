import FoundationEssentials
import SPIFFE
import TestSupport
import Testing
import X509

@Suite("A validator of X509-SVIDs that keeps what was valid", .timeLimit(.minutes(1)))
struct X509SVIDValidatorTests {
    private static let web = "spiffe://example.org/web"

    private let root: TestAuthority
    private let issuer: TestAuthority
    private let validator = X509SVIDValidator(maxKeptPaths: 2)

    init() throws {
        self.root = try TestAuthority(trustDomain: "example.org", lifetime: .seconds(10_000))
        self.issuer = try self.root.intermediate(lifetime: .seconds(1_000))
    }

    private func chain(_ id: String = Self.web, lifetime: Duration = .seconds(100)) throws -> [[UInt8]] {
        try self.issuer.chain(id: id, lifetime: lifetime).map(\.derBytes)
    }

    @discardableResult
    private func validate(
        _ chain: [[UInt8]], bundle: TrustBundle? = nil, after: TimeInterval = 0
    ) throws(X509SVIDError) -> (peer: VerifiedX509SVID, isRepeated: Bool) {
        try self.validator.validate(
            chain, bundles: TrustBundles([bundle ?? self.root.bundle]), now: self.root.now.addingTimeInterval(after))
    }

    @Test("the same chain again is accepted without its signatures, as the same peer")
    func repeats() throws {
        let chain = try self.chain()
        let first = try self.validate(chain)
        let again = try self.validate(chain)
        #expect((first.isRepeated, again.isRepeated) == (false, true))
        #expect(again.peer == first.peer)
        let parsed = try chain.map { try Certificate(received: $0) }
        #expect(
            try first.peer
                == VerifiedX509SVID.validate(parsed, bundles: TrustBundles([self.root.bundle]), now: self.root.now))
        #expect(try self.validate(self.chain()).isRepeated == false)
    }

    @Test("a chain with another byte, without its intermediate, or cut elsewhere is judged by itself")
    func changed() throws {
        let chain = try self.chain()
        try self.validate(chain)
        var changed = chain
        // Within the signature of the leaf.
        changed[0][chain[0].count - 10] ^= 1
        #expect(throws: X509SVIDError.invalidSignature(position: 0)) { try self.validate(changed) }
        #expect(throws: X509SVIDError.noTrustedIssuer(position: 0)) { try self.validate([chain[0]]) }
        let bytes = chain.flatMap { $0 }
        #expect(throws: X509SVIDError.malformedCertificate(position: 0)) { try self.validate([bytes]) }
        #expect(throws: X509SVIDError.malformedCertificate(position: 0)) {
            try self.validate([Array(bytes.prefix(100)), Array(bytes.dropFirst(100))])
        }
        #expect(self.validator.keptCount == 1)
    }

    @Test("a kept chain is judged by the time of each call, to the second, at every certificate of its path")
    func time() throws {
        let chain = try self.chain(lifetime: .seconds(100))
        try self.validate(chain)
        #expect(try self.validate(chain, after: 99).isRepeated)
        #expect(throws: X509SVIDError.expired(position: 0, notAfter: self.root.now.addingTimeInterval(100))) {
            try self.validate(chain, after: 101)
        }
        #expect(throws: X509SVIDError.notYetValid(position: 0, notBefore: self.root.now.addingTimeInterval(-60))) {
            try self.validate(chain, after: -61)
        }
        let long = try self.chain(lifetime: .seconds(5_000))
        try self.validate(long)
        #expect(throws: X509SVIDError.expired(position: 1, notAfter: self.root.now.addingTimeInterval(1_000))) {
            try self.validate(long, after: 1_001)
        }
    }

    @Test("a kept chain is refused once its authority has left the bundle")
    func withdrawnAuthority() throws {
        let chain = try self.chain()
        try self.validate(chain)
        let other = try TestAuthority(trustDomain: "example.org").bundle
        #expect(throws: X509SVIDError.invalidSignature(position: 1)) { try self.validate(chain, bundle: other) }
        #expect(throws: X509SVIDError.unknownTrustDomain(self.root.trustDomain)) {
            try self.validator.validate(chain, bundles: TrustBundles(), now: self.root.now)
        }
        let authorities = other.x509Authorities + self.root.bundle.x509Authorities
        let both = TrustBundle(trustDomain: self.root.trustDomain, x509Authorities: authorities)
        #expect(try self.validate(chain, bundle: both).isRepeated)
    }

    @Test("nothing of a refused chain is kept, and the least recently used makes room")
    func bounded() throws {
        let stranger = try TestAuthority(trustDomain: "example.org").chain(id: Self.web).map(\.derBytes)
        #expect(throws: X509SVIDError.invalidSignature(position: 0)) { try self.validate(stranger) }
        #expect(self.validator.keptCount == 0)
        let chains = try (0..<3).map { try self.chain("\(Self.web)/\($0)") }
        for index in [0, 1, 0, 2] { try self.validate(chains[index]) }
        #expect(self.validator.keptCount == 2)
        #expect(try [0, 2, 1].map { try self.validate(chains[$0]).isRepeated } == [true, true, false])
        #expect(try self.validate(chains[1]).peer.id.uri == "\(Self.web)/1")
    }

    @Test("an intermediate of a valid path is kept for other leaves, and all signatures are checked all the same")
    func issuers() throws {
        let first = try self.chain()
        // By a key that is not the intermediate's, and below an intermediate that the authority has not signed.
        let stranger = try TestAuthority(trustDomain: "example.org").intermediate()
        let foreign = try stranger.chain(id: Self.web).map(\.derBytes)
        #expect(throws: X509SVIDError.self) { try self.validate(foreign) }
        #expect(self.validator.keptIssuerCount == 0)
        try self.validate(first)
        #expect(self.validator.keptIssuerCount == 1)

        #expect(try self.validate(self.chain("\(Self.web)/2")).isRepeated == false)
        #expect(throws: X509SVIDError.invalidSignature(position: 0)) { try self.validate([foreign[0], first[1]]) }
        var changed = first
        // Within the signature of the intermediate.
        changed[1][first[1].count - 10] ^= 1
        #expect(throws: X509SVIDError.invalidSignature(position: 1)) { try self.validate(changed) }
        let other = try TestAuthority(trustDomain: "example.org").bundle
        #expect(throws: X509SVIDError.self) { try self.validate(first, bundle: other) }
        #expect(self.validator.keptIssuerCount == 1)

        // Once it has expired it makes room.
        #expect(throws: X509SVIDError.self) { try self.validate(self.chain("\(Self.web)/3"), after: 1_001) }
        #expect(self.validator.keptIssuerCount == 0)
    }

    @Test("a chain that is too long, or none, is refused before it is read")
    func length() throws {
        #expect(throws: X509SVIDError.emptyChain) { try self.validate([]) }
        let count = VerifiedX509SVID.maxChainLength + 1
        #expect(throws: X509SVIDError.chainTooLong(count: count)) {
            try self.validate(Array(repeating: [0x30], count: count))
        }
    }
}
