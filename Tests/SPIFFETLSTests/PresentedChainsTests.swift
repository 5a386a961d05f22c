import NIOSSL
import SPIFFE
import SPIFFETLS
import TestSupport
import Testing

@Suite("Chains that are remembered for resumption", .timeLimit(.minutes(1)))
struct PresentedChainsTests {
    private let intermediate: TestAuthority

    init() throws {
        self.intermediate = try TestAuthority(trustDomain: "example.org").intermediate()
    }

    private func chain(_ name: String) throws -> [NIOSSLCertificate] {
        try self.intermediate.x509SVID(id: "spiffe://example.org/\(name)").certificates.map {
            try NIOSSLCertificate(bytes: $0.derBytes, format: .der)
        }
    }

    @Test("one more than the limit drops the oldest, and no other")
    func oldest() throws {
        let chains = PresentedChains(limit: 2)
        let presented = try ["a", "b", "c", "d"].map(self.chain)
        func remembered() -> [Bool] { presented.map { chains.chain(of: $0[0]) == $0 } }
        for chain in presented.prefix(2) { chains.remember(chain) }
        // Again, which makes it neither newer nor another.
        chains.remember(presented[0])
        #expect(remembered() == [true, true, false, false])
        chains.remember(presented[2])
        #expect(remembered() == [false, true, true, false])
        chains.remember(presented[3])
        #expect(remembered() == [false, false, true, true])
        #expect(chains.chain(of: presented[0][0]) == [presented[0][0]])
    }
}
