import Authority
import Crypto
import FoundationEssentials
import KeyManagement
import SPIFFE
import Testing
import X509

@Suite("What an X509-SVID is asked before it leaves", .timeLimit(.minutes(1)))
struct SVIDReadBackTests {
    private let domain: TestDomain
    private let authority: X509Authority
    private let der: [UInt8]
    private let content: SVIDContent

    init() async throws {
        self.domain = try TestDomain()
        let state = try await self.domain.firstState()
        let names = ["web.example.org", "*.example.com"]
        let id = try self.domain.id("/web")
        let key = newPublicKey()
        let svid = try state.issueX509SVID(
            id: id, publicKey: key, dnsNames: names, ttl: .hours(1), now: TestDomain.start)
        self.authority = state.x509
        self.der = svid.chainDER[0]
        self.content = SVIDContent(
            serialNumber: svid.chain[0].serialNumber, id: id, publicKey: key, dnsNames: try DNSNames(names),
            notBefore: TestDomain.start - .seconds(10), notAfter: TestDomain.start + .hours(1))
    }

    @Test("the certificate that was asked for passes")
    func unchanged() {
        #expect(self.authority.violation(of: self.der, self.content) == nil)
    }

    @Test("a change of any bit of it does not, beside the signature")
    func everyBit() throws {
        let end = try #require(self.signatureStart)
        for index in 0..<end {
            for bit in 0..<8 {
                var changed = self.der
                changed[index] ^= 1 << bit
                #expect(self.authority.violation(of: changed, self.content) != nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    /// Where the signature begins: it ends the certificate, in a BIT STRING of less than 128 bytes.
    ///
    /// By chance it looks like one itself from some byte on; what stands before it never does.
    private var signatureStart: Int? {
        let end = self.der.count
        return (8...72).last { self.der[end - $0 - 3] == 0x03 && Int(self.der[end - $0 - 2]) == $0 + 1 }
            .map { end - $0 }
    }

    @Test("one that is cut, or goes on after its end, does not")
    func length() {
        for count in 0..<self.der.count {
            #expect(self.authority.violation(of: Array(self.der[..<count]), self.content) != nil)
        }
        #expect(self.authority.violation(of: self.der + [0], self.content) == .unreadable)
    }

    private func content(
        serialNumber: Certificate.SerialNumber? = nil, path: String = "/web", publicKey: Certificate.PublicKey? = nil,
        dnsNames: [String] = ["web.example.org", "*.example.com"], notBefore: Int = -10, notAfter: Int = 3_600
    ) throws -> SVIDContent {
        SVIDContent(
            serialNumber: serialNumber ?? self.content.serialNumber, id: try self.domain.id(path),
            publicKey: publicKey ?? self.content.publicKey, dnsNames: try DNSNames(dnsNames),
            notBefore: TestDomain.start + .seconds(notBefore), notAfter: TestDomain.start + .seconds(notAfter))
    }

    @Test("each field that was asked for otherwise has its violation")
    func fields() throws {
        func violation(_ content: SVIDContent) -> ProfileViolation? {
            self.authority.violation(of: self.der, content)
        }
        #expect(try violation(self.content()) == nil)
        #expect(try violation(self.content(serialNumber: .init(bytes: [1]))) == .serialNumber)
        #expect(try violation(self.content(path: "/other")) == .uriName)
        #expect(try violation(self.content(publicKey: newPublicKey())) == .publicKey)
        #expect(try violation(self.content(dnsNames: ["web.example.org"])) == .uriName)
        #expect(try violation(self.content(dnsNames: ["web.example.org", "b.example.org"])) == .dnsNames)
        #expect(try violation(self.content(dnsNames: ["*.example.com", "web.example.org"])) == .subject)
        #expect(try violation(self.content(notBefore: -9)) == .validity)
        #expect(try violation(self.content(notAfter: 3_601)) == .validity)
    }

    @Test("a certificate of another authority does not pass")
    func otherAuthority() async throws {
        let other = try await TestDomain().firstState().x509
        #expect(other.violation(of: self.der, self.content) == .issuer)
    }

    @Test("an authority with a key that is not its own is refused before it signs anything")
    func otherKey() async throws {
        let key = try await self.domain.keyManager.generateKey(id: "other", type: .ecP256)
        let certificate = X509AuthorityCertificate(
            certificate: self.authority.certificate, keyName: key.id, issuedAt: TestDomain.start)
        #expect(throws: IssuanceError.profileViolated(.signature)) { try X509Authority(certificate, key: key) }
        let larger = try await self.domain.keyManager.generateKey(id: "larger", type: .ecP384)
        #expect(throws: IssuanceError.self) { try X509Authority(certificate, key: larger) }
    }
}
