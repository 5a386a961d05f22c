import FoundationEssentials
import SPIFFE
import SPIFFETLS
import TestSupport
import Testing

/// A certificate that is no X509-SVID of the peer that is expected, and why.
enum WrongCertificate: String, CaseIterable, CustomTestStringConvertible {
    case ofImpostor
    case expired
    case notYetValid
    case withSeveralNames
    case withoutName
    case ofForeignTrustDomain
    case withoutPath
    case ofSomebodyElse

    var testDescription: String { self.rawValue }

    /// What a peer shows in the place of the X509-SVID of `spiffeID`.
    func credentials(for spiffeID: String, _ fixture: Fixture) throws -> Credentials {
        let authority = fixture.authority
        let now = fixture.time.now
        return switch self {
        case .ofImpostor: try Credentials(of: TestAuthority(trustDomain: "example.org"), id: spiffeID)
        case .expired: try Credentials(of: authority, id: spiffeID, lifetime: .seconds(-30))
        case .notYetValid:
            try Credentials(of: authority, id: spiffeID) { $0.notBefore = now.addingTimeInterval(30) }
        case .withSeveralNames:
            try Credentials(of: authority, id: spiffeID) { $0.uriNames.append("spiffe://example.org/second") }
        case .withoutName: try Credentials(of: authority, id: spiffeID) { $0.uriNames = [] }
        case .ofForeignTrustDomain:
            try Credentials(of: TestAuthority(trustDomain: "foreign.test"), id: "spiffe://foreign.test/a")
        case .withoutPath: try Credentials(of: authority, id: "spiffe://example.org")
        case .ofSomebodyElse: try Credentials(of: authority, id: "spiffe://example.org/somebody-else")
        }
    }

    /// Why it is refused.
    func refusal(_ fixture: Fixture) throws -> SPIFFETLSError {
        let now = fixture.time.now
        return switch self {
        case .ofImpostor: .untrustedPeer(.invalidSignature(position: 0))
        case .expired: .untrustedPeer(.expired(position: 0, notAfter: now.addingTimeInterval(-30)))
        case .notYetValid: .untrustedPeer(.notYetValid(position: 0, notBefore: now.addingTimeInterval(30)))
        case .withSeveralNames: .untrustedPeer(.severalURINames(count: 2))
        case .withoutName: .untrustedPeer(.noURIName)
        case .ofForeignTrustDomain: .untrustedPeer(.unknownTrustDomain(try TrustDomain(parsing: "foreign.test")))
        case .withoutPath: .untrustedPeer(.leafWithoutPath(fixture.authority.trustDomain))
        case .ofSomebodyElse: .unauthorizedPeer(id("spiffe://example.org/somebody-else"))
        }
    }
}

@Suite("OpenSSL with a wrong certificate", .timeLimit(.minutes(1)))
struct OpenSSLWrongCertificateTests {
    let fixture: Fixture
    let directory: TemporaryDirectory

    init() throws {
        self.fixture = try Fixture()
        self.directory = try TemporaryDirectory()
    }

    private func show(_ credentials: Credentials) throws -> [String] {
        let files = try credentials.write(to: self.directory, as: "peer")
        return ["-cert", files.certificates, "-key", files.key]
    }

    @Test(
        "as a client is refused and hears nothing; with the right one it is heard",
        arguments: WrongCertificate.allCases)
    func client(_ wrong: WrongCertificate) async throws {
        let wrongArguments = try self.show(wrong.credentials(for: Fixture.ordersID, self.fixture))
        let contexts = self.fixture.server(policy: .exactly(id(Fixture.ordersID)))
        try await withServer(contexts) { server async throws in
            let refused = try await OpenSSL.client(port: server.port, wrongArguments)
            #expect(!refused.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .refused(try wrong.refusal(self.fixture)))

            let right = try self.show(Credentials(self.fixture.orders.current().svid))
            let heard = try await OpenSSL.client(port: server.port, right)
            #expect(heard.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("as a server is refused and is told nothing", arguments: WrongCertificate.allCases)
    func server(_ wrong: WrongCertificate) async throws {
        let arguments = try self.show(wrong.credentials(for: Fixture.paymentsID, self.fixture))
        let exchange = try await OpenSSL.withServer(arguments) { port in
            try await call(port, self.fixture.client())
        }
        #expect(exchange == Exchange(outcome: .refused(try wrong.refusal(self.fixture)), answer: nil))
    }
}
