import Authority
import Crypto
import CryptoExtras
import FoundationEssentials
import KeyManagement
import SPIFFE
import Testing
import X509

/// SVIDs are put together from bytes; swift-certificates' own serialiser is the oracle.
@Suite("The bytes of an X509-SVID", .timeLimit(.minutes(1)))
struct SVIDTemplateTests {
    /// What a general serialiser makes of what the certificate says.
    private func serialized(_ certificate: Certificate, like key: KeyType) throws -> [UInt8] {
        let signer =
            switch key {
            case .ed25519: Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
            case .ecP256: Certificate.PrivateKey(P256.Signing.PrivateKey())
            case .ecP384: Certificate.PrivateKey(P384.Signing.PrivateKey())
            case .rsa2048, .rsa4096: Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
            }
        let other = try Certificate(
            version: certificate.version, serialNumber: certificate.serialNumber, publicKey: certificate.publicKey,
            notValidBefore: certificate.notValidBefore, notValidAfter: certificate.notValidAfter,
            issuer: certificate.issuer, subject: certificate.subject,
            signatureAlgorithm: certificate.signatureAlgorithm, extensions: certificate.extensions,
            issuerPrivateKey: signer)
        return Array(other.tbsCertificateBytes)
    }

    @Test("are those of a general serialiser, whatever signs", arguments: KeyType.svidTypes)
    func authorities(type: KeyType) async throws {
        let domain = try TestDomain(caKeyType: type, jwtKeyType: .ecP256)
        let svid = try await domain.firstState().issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: TestDomain.start)
        let leaf = svid.chain[0]
        #expect(try Array(leaf.tbsCertificateBytes) == self.serialized(leaf, like: type))
        #expect(leaf.derBytes == svid.chainDER[0])
    }

    @Test("are those of a general serialiser, whatever key they certify")
    func keys() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        for key in [
            Certificate.PublicKey(P384.Signing.PrivateKey().publicKey),
            Certificate.PublicKey(P521.Signing.PrivateKey().publicKey),
            Certificate.PublicKey(try _RSA.Signing.PrivateKey(keySize: .bits2048).publicKey),
        ] {
            let leaf = try state.issueX509SVID(
                id: domain.id("/web"), publicKey: key, ttl: .hours(1), now: TestDomain.start
            ).chain[0]
            #expect(try Array(leaf.tbsCertificateBytes) == self.serialized(leaf, like: .ecP256))
            #expect(leaf.publicKey == key)
        }
    }

    @Test(
        "are those of a general serialiser, whatever the time",
        arguments: [
            // In turn: an epoch's second, leap days, the last hour of UTCTime, 2050, a century that has no leap day.
            1, 951_782_400, 1_835_395_199, 1_835_395_200, 2_524_606_200, 2_524_608_010, 4_107_542_399, 4_107_542_400,
        ] as [TimeInterval])
    func times(now: TimeInterval) async throws {
        let domain = try TestDomain()
        let now = Date(timeIntervalSince1970: now)
        let leaf = try await domain.firstState(now: now).issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: now
        ).chain[0]
        #expect(leaf.notValidBefore == now - 10)
        #expect(leaf.notValidAfter == now + 3_600)
        #expect(try Array(leaf.tbsCertificateBytes) == self.serialized(leaf, like: .ecP256))
    }

    @Test("are those of a general serialiser, however long the names", arguments: [0, 1, 2, 4, 5, 200])
    func names(count: Int) async throws {
        let domain = try TestDomain()
        let names = (0..<count).map { "n\($0).a-rather-long-name-of-a-service.example.org" }
        let leaf = try await domain.firstState().issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), dnsNames: names, ttl: .hours(1), now: TestDomain.start
        ).chain[0]
        #expect(try Array(leaf.tbsCertificateBytes) == self.serialized(leaf, like: .ecP256))
    }
}
