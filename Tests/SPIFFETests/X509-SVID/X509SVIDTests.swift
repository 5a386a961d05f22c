import Crypto
import FoundationEssentials
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("X509-SVID §4 one's own SVID", .timeLimit(.minutes(1)))
struct X509SVIDTests {
    private static let web = "spiffe://example.org/web"

    @Test("X509-49: a chain and its key are loaded from the bytes that the Workload API hands out")
    func load() throws {
        let authority = try TestAuthority(trustDomain: "example.org").intermediate()
        let (leaf, key) = try authority.issue(id: Self.web)
        let bytes = leaf.derBytes + authority.certificate.derBytes
        let svid = try X509SVID(certificatesDER: bytes, privateKeyPKCS8DER: key, hint: "internal")
        #expect(svid.id.uri == Self.web)
        #expect(svid.certificates == [leaf, authority.certificate])
        #expect(svid.certificatesDER == bytes)
        #expect(svid.privateKeyPKCS8DER == key)
        #expect(svid.hint == "internal")
        #expect(svid.notBefore == authority.now.addingTimeInterval(-60))
        #expect(svid.notAfter == authority.now.addingTimeInterval(3_600))
    }

    @Test(
        "X509-49: chains and keys that do not fit are refused", arguments: Vector.all("x509-svid-own", rule: "X509-49"))
    func refused(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-49: ECDSA, RSA and Ed25519 keys load",
        arguments: ["ec:P-256", "ec:P-384", "ec:P-521", "rsa:2048", "ed25519"])
    func keyTypes(_ kind: String) async throws {
        let made = try await Self.selfSigned(kind)
        let svid = try X509SVID(certificates: [made.certificate], privateKeyPKCS8DER: made.pkcs8)
        #expect(svid.id.uri == Self.web)
    }

    @Test("X509-49: a key in the form of PKCS#1 is refused")
    func pkcs1() async throws {
        let made = try await Self.selfSigned("rsa:2048")
        #expect(throws: X509SVIDError.malformedPrivateKey) {
            try X509SVID(certificates: [made.certificate], privateKeyPKCS8DER: made.traditional)
        }
    }

    @Test("X509-49: a key with a byte after it, or longer than the limit, is refused")
    func keyWithMore() throws {
        let (leaf, key) = try TestAuthority(trustDomain: "example.org").issue(id: Self.web)
        for more in [1, X509SVID.maxPrivateKeyBytes] {
            #expect(throws: X509SVIDError.malformedPrivateKey) {
                try X509SVID(certificates: [leaf], privateKeyPKCS8DER: key + [UInt8](repeating: 0, count: more))
            }
        }
    }

    @Test("X509-49: a chain longer than the limit is refused")
    func chainTooLong() throws {
        let (leaf, key) = try TestAuthority(trustDomain: "example.org").issue(id: Self.web)
        let bytes = leaf.derBytes + [UInt8](repeating: 0, count: X509SVID.maxChainBytes)
        #expect(throws: X509SVIDError.chainTooLarge(maxBytes: X509SVID.maxChainBytes)) {
            try X509SVID(certificatesDER: bytes, privateKeyPKCS8DER: key)
        }
    }

    @Test("X509-49: a certificate of 64 KiB is read, a longer one is not looked at", arguments: [0, 1])
    func certificateTooLong(excess: Int) throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let (leaf, key) = try authority.issue(id: Self.web, bytes: VerifiedX509SVID.maxCertificateBytes + excess)
        let load = { try X509SVID(certificatesDER: leaf.derBytes, privateKeyPKCS8DER: key) }
        guard excess > 0 else {
            #expect(try load().certificates == [leaf])
            return
        }
        #expect(throws: X509SVIDError.malformedCertificate(position: 0)) { try load() }
    }

    @Test("X509-02: several URI SANs are refused on load", arguments: Vector.all("x509-svid-own", rule: "X509-02"))
    func severalURINames(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-05: an ID without path is refused on load", arguments: Vector.all("x509-svid-own", rule: "X509-05"))
    func noPath(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-08: a certificate without key usage is no signing certificate",
        arguments: Vector.all("x509-svid-own", rule: "X509-08"))
    func noSigningCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-13: a signing certificate is refused before any handshake",
        arguments: Vector.all("x509-svid-own", rule: "X509-13"))
    func signingCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-16: an issuer without cA true is refused on load", arguments: Vector.all("x509-svid-own", rule: "X509-16")
    )
    func issuerIsNotCA(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-17: a leaf with cA true is refused on load, with every key usage right")
    func leafIsCA() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        #expect(throws: X509SVIDError.leafIsCA) {
            try authority.x509SVID(id: Self.web) { $0.basicConstraints = .isCertificateAuthority(maxPathLength: nil) }
        }
    }

    @Test(
        "X509-20: a leaf without key usage is refused on load", arguments: Vector.all("x509-svid-own", rule: "X509-20"))
    func noKeyUsage(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-21: a key usage that is not critical is refused on load",
        arguments: Vector.all("x509-svid-own", rule: "X509-21"))
    func keyUsageNotCritical(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-22: an issuer without keyCertSign is refused on load",
        arguments: Vector.all("x509-svid-own", rule: "X509-22"))
    func issuerMayNotSign(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-24: a leaf without digitalSignature is refused on load",
        arguments: Vector.all("x509-svid-own", rule: "X509-24"))
    func noDigitalSignature(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-26: a leaf with keyCertSign or cRLSign is refused on load",
        arguments: Vector.all("x509-svid-own", rule: "X509-26"))
    func signingUsages(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("the private key is in no description and no dump")
    func redaction() throws {
        let svid = try TestAuthority(trustDomain: "example.org").x509SVID(id: Self.web)
        var text = "\(svid) \(String(reflecting: svid))"
        dump(svid, to: &text)
        #expect(text.contains("spiffe://example.org/web"))
        #expect(!text.contains("privateKey"))
        #expect(!text.contains(String(describing: svid.privateKeyPKCS8DER.suffix(8)).dropFirst().dropLast()))
    }

    private struct Made {
        let certificate: Certificate
        let pkcs8: [UInt8]
        /// The key in the form that it had before PKCS#8.
        let traditional: [UInt8]
    }

    /// A self-signed leaf of a kind of key, made by openssl.
    private static func selfSigned(_ kind: String) async throws -> Made {
        try await withTemporaryDirectory { directory in
            let parts = kind.split(separator: ":").map(String.init)
            let options: [String] =
                switch parts[0] {
                case "ec": ["EC", "-pkeyopt", "ec_paramgen_curve:\(parts[1])"]
                case "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:\(parts[1])"]
                default: ["ED25519"]
                }
            let path = { (name: String) in directory.path + "/" + name }
            try await self.openssl(["genpkey", "-algorithm"] + options + ["-out", path("key.pem")])
            try await self.openssl([
                "req", "-x509", "-key", path("key.pem"), "-subj", "/O=x", "-days", "1", "-outform", "DER", "-out",
                path("leaf.der"), "-addext", "subjectAltName=URI:\(Self.web)", "-addext",
                "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
            ])
            let pkcs8 = [
                "pkcs8", "-topk8", "-nocrypt", "-in", path("key.pem"), "-outform", "DER", "-out", path("key.der"),
            ]
            try await self.openssl(pkcs8)
            if parts[0] == "rsa" {
                let traditional = ["rsa", "-in", path("key.pem"), "-traditional", "-outform", "DER", "-out"]
                try await self.openssl(traditional + [path("old.der")])
            }
            return try Made(
                certificate: Certificate(derEncoded: directory.read("leaf.der")), pkcs8: directory.read("key.der"),
                traditional: parts[0] == "rsa" ? directory.read("old.der") : [])
        }
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result = try await runProcess("openssl", arguments)
        try #require(result.status == 0, "\(result.errorText)")
    }
}
