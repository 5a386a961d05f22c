import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import SPIFFE
import SwiftASN1
import Testing
import X509

@Suite("X.509 authorities", .timeLimit(.minutes(1)))
struct X509AuthorityTests {
    private func authority(
        _ type: KeyType = .ecP256, now: Date = TestDomain.start
    ) async throws -> (TestDomain, X509Authority) {
        let domain = try TestDomain(caKeyType: type, jwtKeyType: .ecP256)
        return (domain, try await domain.firstState(now: now).x509)
    }

    @Test("an authority is what its profile says", arguments: KeyType.svidTypes)
    func profile(type: KeyType) async throws {
        let (_, authority) = try await self.authority(type)
        let differences = try Profile("x509-authority").differences(
            of: authority.certificate, keyType: type.rawValue,
            values: [
                "spiffeID": "spiffe://example.org", "issuedAt": seconds(TestDomain.start), "lifetime": 86_400,
                "subjectKeySHA1": .string(keyHash(authority.certificate.publicKey)),
            ])
        #expect(differences == [])
    }

    @Test("its identifier is its subject key identifier in hexadecimal digits")
    func identifier() async throws {
        let (_, authority) = try await self.authority()
        #expect(authority.id == keyHash(authority.certificate.publicKey))
        #expect(authority.id.count == 40)
    }

    @Test("SID-23: a new trust domain has an X.509 authority in its bundle before the first SVID")
    func firstAuthority() async throws {
        let state = try await TestDomain().firstState()
        #expect(state.bundle.x509Authorities == [state.x509.certificate])
        #expect(state.bundle.jwtAuthorities.map(\.keyID) == [state.jwt.keyID])
    }

    @Test("SID-24, SID-25, SID-26, X509-10: its one URI SAN is the ID of its trust domain, without a path")
    func spiffeID() async throws {
        let (_, authority) = try await self.authority()
        let names = try #require(try authority.certificate.extensions.subjectAlternativeNames)
        #expect(Array(names) == [.uniformResourceIdentifier("spiffe://example.org")])
    }

    @Test("SID-27: without an upstream the authority is self-signed")
    func selfSigned() async throws {
        let (_, authority) = try await self.authority()
        let certificate = authority.certificate
        #expect(certificate.issuer == certificate.subject)
        #expect(certificate.publicKey.isValidSignature(certificate.signature, for: certificate))
    }

    @Test("X509-16: it has a critical basic constraints extension with cA true")
    func isCA() async throws {
        let (_, authority) = try await self.authority()
        let found = try #require(authority.certificate.extensions[oid: .X509ExtensionID.basicConstraints])
        #expect(found.critical)
        #expect(Array(found.value) == [0x30, 0x03, 0x01, 0x01, 0xFF])
    }

    @Test("X509-20, X509-21, X509-22, X509-27: its critical key usage is exactly keyCertSign and cRLSign")
    func keyUsage() async throws {
        let (_, authority) = try await self.authority()
        let found = try #require(authority.certificate.extensions[oid: .X509ExtensionID.keyUsage])
        #expect(found.critical)
        #expect(Array(found.value) == [0x03, 0x02, 0x01, 0x06])
    }

    @Test("X509-19, X509-31: it has neither name constraints nor extended key usage")
    func nothingElse() async throws {
        let (_, authority) = try await self.authority()
        #expect(authority.certificate.extensions[oid: .X509ExtensionID.nameConstraints] == nil)
        #expect(authority.certificate.extensions[oid: .X509ExtensionID.extendedKeyUsage] == nil)
    }

    @Test("fractions of a second are dropped from its validity period")
    func wholeSeconds() async throws {
        let (_, authority) = try await self.authority(now: TestDomain.start + .milliseconds(999))
        #expect(authority.notBefore == TestDomain.start - .seconds(10))
        #expect(authority.notAfter == TestDomain.start + .days(1))
    }

    @Test("two authorities of a trust domain have different subjects, keys and serial numbers")
    func distinct() async throws {
        let (_, first) = try await self.authority()
        let (_, second) = try await self.authority()
        #expect(first.certificate.subject != second.certificate.subject)
        #expect(first.certificate.publicKey != second.certificate.publicKey)
        #expect(first.certificate.serialNumber != second.certificate.serialNumber)
    }

    @Test("a configured subject is written in SPIRE's order, with the serial number at its end")
    func configuredSubject() async throws {
        var domain = try TestDomain()
        domain.configuration = try AuthorityConfiguration(
            trustDomain: domain.trustDomain,
            caSubject: AuthoritySubject(country: "de", organization: "Käse, Inc", commonName: "Root*"))
        let certificate = try await domain.firstState().x509.certificate
        let parts = certificate.subject.compactMap(\.first)
        #expect(parts.map { "\($0.type)" } == ["2.5.4.6", "2.5.4.10", "2.5.4.3", "2.5.4.5"])
        #expect(
            parts.map { String($0.value) } == ["de", "Käse, Inc", "Root*", certificate.serialNumber.decimalDigits])
    }

    @Test("X509-10: an authority whose ID has a path violates the profile and would not leave")
    func path() async throws {
        let (_, authority) = try await self.authority()
        let withPath = try authority.certificate.changing(Array("//example.org".utf8), to: Array("//example/org".utf8))
        for trustDomain in ["example.org", "example"] {
            let profile = CertificateProfile.authority(try TrustDomain(parsing: trustDomain))
            #expect(profile.violation(of: withPath) == .uriName)
        }
    }

    @Test("an authority of another trust domain, usage or signature violates the profile")
    func violations() async throws {
        let (domain, authority) = try await self.authority()
        let certificate = authority.certificate
        let profile = CertificateProfile.authority(domain.trustDomain)
        #expect(profile.violation(of: certificate) == nil)
        let other = CertificateProfile.authority(try TrustDomain(parsing: "example.com"))
        #expect(other.violation(of: certificate) == .uriName)
        let digitalSignature = try certificate.changing([0x03, 0x02, 0x01, 0x06], to: [0x03, 0x02, 0x01, 0x86])
        #expect(profile.violation(of: digitalSignature) == .keyUsage)
        let renamed = try certificate.changing(Array("example.org".utf8), to: Array("example.com".utf8))
        #expect(other.violation(of: renamed) == .signature)
    }
}
