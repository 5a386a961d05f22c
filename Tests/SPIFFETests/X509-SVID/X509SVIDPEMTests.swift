import SPIFFE
import TestSupport
import Testing

@Suite("An X509-SVID in PEM texts", .timeLimit(.minutes(1)))
struct X509SVIDPEMTests {
    let svid: X509SVID

    init() throws {
        self.svid = try TestAuthority(trustDomain: "example.org").intermediate()
            .x509SVID(id: "spiffe://example.org/web")
    }

    private func loaded(_ certificates: String, _ key: String) throws -> X509SVID {
        try X509SVID(certificatesPEM: certificates, privateKeyPEM: key, hint: "internal")
    }

    @Test("comes back as it was written")
    func roundTrip() throws {
        let again = try self.loaded(self.svid.certificatesPEM, self.svid.privateKeyPEM)
        #expect(again.certificates == self.svid.certificates)
        #expect(again.certificates.count == 2)
        #expect(again.privateKeyPKCS8DER == self.svid.privateKeyPKCS8DER)
        #expect(again.hint == "internal")
    }

    @Test("what is written has lines of 64 letters, and ends with one")
    func lines() {
        for text in [self.svid.certificatesPEM, self.svid.privateKeyPEM] {
            #expect(text.hasSuffix("-----\n"))
            #expect(!text.contains("\n\n"))
            #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
        }
    }

    @Test("chain and key may stand in one text, with words around them")
    func oneText() throws {
        let text = "the key\n\(self.svid.privateKeyPEM)the chain\n\(self.svid.certificatesPEM)the end\n"
        let again = try self.loaded(text, text)
        #expect(again.certificates == self.svid.certificates)
        #expect(again.privateKeyPKCS8DER == self.svid.privateKeyPKCS8DER)
    }

    @Test("a text without certificates is an empty chain")
    func noCertificate() {
        #expect(throws: X509SVIDError.emptyChain) { try self.loaded("", self.svid.privateKeyPEM) }
        #expect(throws: X509SVIDError.emptyChain) {
            try self.loaded(self.svid.privateKeyPEM, self.svid.privateKeyPEM)
        }
    }

    @Test("a broken certificate is refused by its place")
    func brokenCertificate() throws {
        let text = self.svid.certificatesPEM
        let end = "-----END CERTIFICATE-----\n"
        #expect(throws: X509SVIDError.malformedCertificate(position: 1)) {
            try self.loaded(String(text.dropLast(end.count)), self.svid.privateKeyPEM)
        }
        #expect(throws: X509SVIDError.malformedCertificate(position: 0)) {
            try self.loaded("-----BEGIN CERTIFICATE----- \n" + text, self.svid.privateKeyPEM)
        }
    }

    @Test("no key, two keys, a broken one, one of another form: each is refused")
    func badKeys() {
        let key = self.svid.privateKeyPEM
        for text in ["", key + key, String(key.dropLast(10)), key.replacing("PRIVATE KEY", with: "EC PRIVATE KEY")] {
            #expect(throws: X509SVIDError.malformedPrivateKey) { try self.loaded(self.svid.certificatesPEM, text) }
        }
    }

    @Test("a text that is longer than the limit is not read")
    func tooLong() {
        let filling = String(repeating: " ", count: X509SVID.maxPEMBytes)
        #expect(throws: X509SVIDError.chainTooLarge(maxBytes: X509SVID.maxPEMBytes)) {
            try self.loaded(filling + self.svid.certificatesPEM, self.svid.privateKeyPEM)
        }
        #expect(throws: X509SVIDError.malformedPrivateKey) {
            try self.loaded(self.svid.certificatesPEM, filling + self.svid.privateKeyPEM)
        }
    }
}
