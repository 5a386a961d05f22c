import SPIFFE
import SPIFFETLS
import TestSupport
import Testing
import X509

/// The rules of X509-SVID §5.2 as a peer meets them: at the TLS handshake, on both sides.
@Suite("X509-SVID §5.2 through the handshake", .timeLimit(.minutes(1)))
struct LeafRuleTests {
    /// A certificate that breaks one rule, and what it is refused for.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let expected: X509SVIDError
        let break_: @Sendable (inout TestCertificate) throws -> Void
    }

    static let cases: [Case] = [
        Case(testDescription: "X509-33: a leaf with cA true", expected: .leafIsCA) {
            $0.basicConstraints = .isCertificateAuthority(maxPathLength: nil)
        },
        Case(testDescription: "X509-34: a leaf with keyCertSign", expected: .leafMaySignCertificates) {
            $0.keyUsage = KeyUsage(digitalSignature: true, keyCertSign: true)
        },
        Case(testDescription: "X509-35: a leaf with cRLSign", expected: .leafMaySignCRLs) {
            $0.keyUsage = KeyUsage(digitalSignature: true, cRLSign: true)
        },
        Case(
            testDescription: "X509-36: an ID of another scheme",
            expected: .invalidSPIFFEID(Self.error(of: "https://example.org/orders"))
        ) {
            $0.uriNames = ["https://example.org/orders"]
        },
        Case(testDescription: "X509-37: an ID without a path", expected: .leafWithoutPath(Self.trustDomain)) {
            $0.uriNames = ["spiffe://example.org"]
        },
        Case(testDescription: "X509-38: two URI names", expected: .severalURINames(count: 2)) {
            $0.uriNames = ["spiffe://example.org/orders", "spiffe://example.org/payments"]
        },
        Case(testDescription: "no URI name", expected: .noURIName) {
            $0.uriNames = []
            $0.dnsNames = ["orders.example.org"]
        },
    ]

    static let trustDomain = id("spiffe://example.org").trustDomain

    static func error(of uri: String) -> SPIFFEIDError {
        do throws(SPIFFEIDError) {
            _ = try SPIFFEID(parsing: uri)
            preconditionFailure("\(uri) is a SPIFFE ID")
        } catch {
            return error
        }
    }

    @Test("is refused by a server", arguments: Self.cases)
    func refusedByServer(_ testCase: Case) async throws {
        let fixture = try Fixture()
        let client = try LawlessTLS(
            Credentials(of: fixture.authority, id: Fixture.ordersID, customise: testCase.break_))
        try await withServer(fixture.server(policy: .predicate { _ in true })) { server async throws in
            #expect(try await call(server.port, client.clientHandlers).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(testCase.expected)))
        }
    }

    @Test("is refused by a server that asks for certificates without requiring them", arguments: Self.cases)
    func refusedByOptionalServer(_ testCase: Case) async throws {
        let fixture = try Fixture()
        let client = try LawlessTLS(
            Credentials(of: fixture.authority, id: Fixture.ordersID, customise: testCase.break_))
        let contexts = fixture.server(policy: .predicate { _ in true }, clientAuthentication: .optional)
        try await withServer(contexts) { server async throws in
            #expect(try await call(server.port, client.clientHandlers).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(testCase.expected)))
        }
    }

    @Test("is refused by a client", arguments: Self.cases)
    func refusedByClient(_ testCase: Case) async throws {
        let fixture = try Fixture()
        let lawless = try LawlessTLS(
            Credentials(of: fixture.authority, id: Fixture.paymentsID, customise: testCase.break_))
        try await withServer(lawless.serverHandlers) { server async throws in
            let exchange = try await call(
                server.port, fixture.client(policy: .predicate { _ in true }))
            #expect(exchange == Exchange(outcome: .refused(.untrustedPeer(testCase.expected)), answer: nil))
        }
    }

    @Test("a certificate of more than 64 KiB is refused before it is read", arguments: [0, 1])
    func certificateTooLong(excess: Int) async throws {
        let fixture = try Fixture()
        let issued = try fixture.authority.issue(
            id: Fixture.ordersID, bytes: VerifiedX509SVID.maxCertificateBytes + excess)
        let client = try LawlessTLS(Credentials(chain: [issued.certificate], keyPKCS8DER: issued.keyPKCS8DER))
        try await withServer(fixture.server(policy: .predicate { _ in true })) { server async throws in
            let answer = try await call(server.port, client.clientHandlers).answer
            #expect((answer == nil) == (excess > 0))
            let outcome = await server.nextOutcome()
            #expect((outcome == .refused(.peerCertificateUnreadable)) == (excess > 0))
        }
    }

    @Test("X509-04: a signing certificate does not identify a caller")
    func signingCertificate() async throws {
        let fixture = try Fixture()
        let client = try LawlessTLS(
            Credentials(of: fixture.authority, id: "spiffe://example.org") {
                $0.becomeSigning()
                $0.keyUsage = KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true)
            })
        try await withServer(fixture.server(policy: .predicate { _ in true })) { server async throws in
            #expect(try await call(server.port, client.clientHandlers).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.leafIsCA)))
        }
    }

    @Test("X509-13: a signing certificate is refused as one's own before any handshake")
    func ownSigningCertificate() throws {
        let fixture = try Fixture()
        #expect(throws: X509SVIDError.leafIsCA) {
            try fixture.authority.x509SVID(id: Fixture.ordersID) { $0.becomeSigning() }
        }
    }
}
