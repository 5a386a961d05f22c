import Authority
import Crypto
import CryptoExtras
import FoundationEssentials
import JOSE
import KeyManagement
import SPIFFE
import SwiftASN1
import Testing
import X509

@Suite("Issuing X509-SVIDs", .timeLimit(.minutes(1)))
struct X509IssuanceTests {
    private let now = TestDomain.start + .seconds(60)

    private func issued(
        _ path: String = "/web", dnsNames: [String] = [], ttl: Duration = .hours(1)
    ) async throws -> (AuthorityState, IssuedX509SVID) {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let svid = try state.issueX509SVID(
            id: domain.id(path), publicKey: newPublicKey(), dnsNames: dnsNames, ttl: ttl, now: self.now)
        return (state, svid)
    }

    private func values(_ state: AuthorityState, _ leaf: Certificate, _ id: String, ttl: Duration) -> Profile.Values {
        [
            "spiffeID": .string(id), "issuedAt": seconds(self.now), "lifetime": .number(.init(ttl.components.seconds)),
            "authorityNotAfter": seconds(state.x509.notAfter),
            "authoritySubject": .string(state.x509.certificate.subject.map { "\($0)" }.joined(separator: ",")),
            "subjectKeySHA1": .string(keyHash(leaf.publicKey)),
            "authorityKeySHA1": .string(keyHash(state.x509.certificate.publicKey)), "dnsNames": [],
        ]
    }

    @Test("a workload's certificate is what its profile says, whatever signs it", arguments: KeyType.svidTypes)
    func profile(type: KeyType) async throws {
        let domain = try TestDomain(caKeyType: type, jwtKeyType: .ecP256)
        let state = try await domain.firstState()
        let svid = try state.issueX509SVID(
            id: domain.id("/ns/prod/web"), publicKey: newPublicKey(), ttl: .hours(1), now: self.now)
        let values = self.values(state, svid.chain[0], "spiffe://example.org/ns/prod/web", ttl: .hours(1))
        #expect(try Profile("x509-svid").differences(of: svid.chain[0], keyType: type.rawValue, values: values) == [])
    }

    @Test("DNS names stand before the URI, the first one also as common name")
    func dnsNames() async throws {
        let (state, svid) = try await self.issued(dnsNames: ["*.example.org", "example.org"])
        var values = self.values(state, svid.chain[0], "spiffe://example.org/web", ttl: .hours(1))
        values["dnsNames"] = ["*.example.org", "example.org"]
        values["firstDNSName"] = "*.example.org"
        #expect(try Profile("x509-svid").differences(of: svid.chain[0], keyType: "ec-p256", values: values) == [])
    }

    @Test("a first DNS name that is too long for a subject stands in the names only")
    func longCommonName() async throws {
        let name = String(repeating: "a", count: 60) + ".test"
        let (_, svid) = try await self.issued(dnsNames: [name])
        #expect(svid.chain[0].subject.count == 2)
        let (_, short) = try await self.issued(dnsNames: [String(name.dropFirst())])
        #expect(short.chain[0].subject.count == 3)
    }

    @Test("an agent's certificate is what its profile says")
    func agentProfile() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let id = try domain.id("/spire/agent/join_token/0b9f")
        let svid = try state.issueAgentSVID(id: id, publicKey: newPublicKey(), ttl: .hours(1), now: self.now)
        let values = self.values(state, svid.chain[0], id.uri, ttl: .hours(1))
        #expect(try Profile("agent-svid").differences(of: svid.chain[0], keyType: "ec-p256", values: values) == [])
    }

    @Test("the server's certificate is what its profile says")
    func serverProfile() async throws {
        let state = try await TestDomain().firstState()
        let svid = try state.issueServerSVID(publicKey: newPublicKey(), ttl: .hours(1), now: self.now)
        let values = self.values(state, svid.chain[0], "spiffe://example.org/spire/server", ttl: .hours(1))
        #expect(try Profile("server-svid").differences(of: svid.chain[0], keyType: "ec-p256", values: values) == [])
    }

    @Test("X509-01: the SAN extension of /web has exactly these bytes")
    func subjectAlternativeName() async throws {
        let (_, svid) = try await self.issued()
        let found = try #require(svid.chain[0].extensions[oid: .X509ExtensionID.subjectAlternativeName])
        #expect(Array(found.value) == [0x30, 0x1A, 0x86, 0x18] + Array("spiffe://example.org/web".utf8))
    }

    @Test("X509-05: a SPIFFE ID without a path is refused")
    func withoutPath() async throws {
        await #expect(throws: IssuanceError.withoutPath) { try await self.issued("") }
    }

    @Test("X509-07: the subject is never empty, so the SAN extension need not be critical")
    func subjectNotEmpty() async throws {
        let (_, svid) = try await self.issued()
        #expect(!svid.chain[0].subject.isEmpty)
        #expect(svid.chain[0].extensions[oid: .X509ExtensionID.subjectAlternativeName]?.critical == false)
    }

    @Test("X509-17: basic constraints are there, critical, and an empty sequence")
    func basicConstraints() async throws {
        let (_, svid) = try await self.issued()
        let found = try #require(svid.chain[0].extensions[oid: .X509ExtensionID.basicConstraints])
        #expect(found.critical)
        #expect(Array(found.value) == [0x30, 0x00])
    }

    @Test("X509-20, X509-21, X509-24, X509-25, X509-26: the critical key usage has exactly the three bits of leaves")
    func keyUsage() async throws {
        let (_, svid) = try await self.issued()
        let found = try #require(svid.chain[0].extensions[oid: .X509ExtensionID.keyUsage])
        #expect(found.critical)
        #expect(Array(found.value) == [0x03, 0x02, 0x03, 0xA8])
        // The whole extension, as it stands in the DER.
        let der: [UInt8] = [
            0x30, 0x0E, 0x06, 0x03, 0x55, 0x1D, 0x0F, 0x01, 0x01, 0xFF, 0x04, 0x04, 0x03, 0x02, 0x03, 0xA8,
        ]
        let all = svid.chain[0].derBytes
        #expect(all.indices.contains { all[$0...].starts(with: der) })
    }

    @Test("X509-28, X509-29, X509-30: extended key usage is serverAuth and clientAuth, not critical")
    func extendedKeyUsage() async throws {
        let (_, svid) = try await self.issued()
        let found = try #require(svid.chain[0].extensions[oid: .X509ExtensionID.extendedKeyUsage])
        #expect(!found.critical)
        #expect(
            Array(found.value) == [
                0x30, 0x14, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01,
                0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02,
            ])
    }

    @Test("X509-26, X509-30: a certificate with other usages violates the profile and would not leave")
    func violations() async throws {
        let (_, svid) = try await self.issued()
        let leaf = svid.chain[0]
        let profile = CertificateProfile.svid(svid.id)
        #expect(profile.violation(of: leaf) == nil)
        let signing = try leaf.changing([0x03, 0x02, 0x03, 0xA8], to: [0x03, 0x02, 0x02, 0xAC])
        #expect(profile.violation(of: signing) == .keyUsage)
        let serverAuth: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]
        let oneSided = try leaf.changing(serverAuth, to: serverAuth.dropLast() + [0x03])
        #expect(profile.violation(of: oneSided) == .extendedKeyUsage)
        let otherExtension = try leaf.changing([0x55, 0x1D, 0x13, 0x01], to: [0x55, 0x1D, 0x1E, 0x01])
        #expect(profile.violation(of: otherExtension) == .extensions)
    }

    @Test("SID-18: an ID of 2048 bytes is issued")
    func longestID() async throws {
        let path = "/" + String(repeating: "a", count: 2_048 - "spiffe://example.org/".utf8.count)
        let (state, svid) = try await self.issued(path)
        let verified = try VerifiedX509SVID.validate(svid.chain, bundles: TrustBundles([state.bundle]), now: self.now)
        #expect(verified.id.uri.utf8.count == 2_048)
    }

    @Test("SID-28: a changed byte in the SAN breaks the signature")
    func signedID() async throws {
        let (state, svid) = try await self.issued()
        let changed = try svid.chain[0].changing(Array("org/web".utf8), to: Array("org/wec".utf8))
        #expect(throws: X509SVIDError.invalidSignature(position: 0)) {
            try VerifiedX509SVID.validate([changed], bundles: TrustBundles([state.bundle]), now: self.now)
        }
    }

    @Test("SID-27: what is issued validates against the bundle, and shows serial number and end")
    func validates() async throws {
        let (state, svid) = try await self.issued()
        let verified = try VerifiedX509SVID.validate(svid.chain, bundles: TrustBundles([state.bundle]), now: self.now)
        #expect(verified.id == svid.id)
        #expect(verified.serialNumber == svid.serialNumber)
        #expect(verified.notAfter == svid.expiresAt)
        #expect(svid.chain.count == 1)
        #expect(svid.chainDER == [svid.chain[0].derBytes])
    }

    @Test("an SVID loads with its key as a service would load it")
    func loads() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let pair = try KeyPair.generate(.ecP384)
        let svid = try state.issueX509SVID(
            id: domain.id("/web"), publicKey: pair.certificateKey.publicKey, ttl: .hours(1), now: self.now)
        #expect(try X509SVID(certificates: svid.chain, privateKeyPKCS8DER: pair.pkcs8DER).id == svid.id)
    }

    @Test("serial numbers are random, positive, of at most 128 bits, and about half use all of them")
    func serialNumbers() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let id = try domain.id("/web")
        let key = newPublicKey()
        var seen: Set<Certificate.SerialNumber> = []
        var full = 0
        for _ in 0..<200 {
            let leaf = try state.issueX509SVID(id: id, publicKey: key, ttl: .hours(1), now: self.now).chain[0]
            #expect((1...16).contains(leaf.serialNumber.bytes.count))
            let bytes = Array(leaf.serialNumber.bytes)
            full += bytes.count == 16 && bytes[0] >= 0x80 ? 1 : 0
            seen.insert(leaf.serialNumber)
        }
        #expect(seen.count == 200)
        #expect((50...150).contains(full))
    }

    @Test("a lifetime longer than the authority's is cut, and reported")
    func clamped() async throws {
        let (state, svid) = try await self.issued(ttl: .days(2))
        #expect(svid.clamped)
        #expect(svid.expiresAt == state.x509.notAfter)
        #expect(svid.chain[0].notValidAfter == state.x509.notAfter)
    }

    @Test("a lifetime that ends with the authority is not cut")
    func notClamped() async throws {
        let (state, svid) = try await self.issued(ttl: .days(1) - .seconds(60))
        #expect(!svid.clamped)
        #expect(svid.expiresAt == state.x509.notAfter)
        #expect(svid.notBefore == self.now - .seconds(10))
    }

    @Test("an endless lifetime is cut, too")
    func endless() async throws {
        let (state, svid) = try await self.issued(ttl: .seconds(Int64.max))
        #expect(svid.expiresAt == state.x509.notAfter)
    }

    @Test("fractions of seconds are dropped from the moment and the lifetime")
    func wholeSeconds() async throws {
        let domain = try TestDomain()
        let svid = try await domain.firstState().issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .milliseconds(2_900),
            now: self.now + .milliseconds(999))
        #expect(svid.notBefore == self.now - .seconds(10))
        #expect(svid.expiresAt == self.now + .seconds(2))
    }

    @Test("a lifetime of less than a second is refused", arguments: [Duration.zero, .milliseconds(999), .seconds(-1)])
    func noLifetime(ttl: Duration) async throws {
        await #expect(throws: IssuanceError.invalidTTL(ttl)) { try await self.issued(ttl: ttl) }
    }

    @Test("an expired authority signs nothing")
    func expired() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let end = TestDomain.start + .days(1)
        for now in [end, end + .days(1)] {
            #expect(throws: IssuanceError.authorityExpired(end)) {
                try state.issueX509SVID(id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: now)
            }
        }
    }

    @Test("X509-11: an ID of another trust domain than the authority's is refused")
    func foreign() async throws {
        let state = try await TestDomain().firstState()
        let foreign = try TrustDomain(parsing: "foreign.test")
        #expect(throws: IssuanceError.foreignTrustDomain(foreign)) {
            try state.issueX509SVID(
                id: SPIFFEID(trustDomain: foreign, path: "/web"), publicKey: newPublicKey(), ttl: .hours(1),
                now: self.now)
        }
    }

    @Test("workloads get no reserved ID", arguments: ["/spire", "/spire/server", "/spire/agent/x509pop/a"])
    func reserved(path: String) async throws {
        let id = try TestDomain().id(path)
        await #expect(throws: IssuanceError.reservedID(id)) { try await self.issued(path) }
    }

    @Test(
        "agents get only IDs below /spire/agent",
        arguments: ["/web", "/spire/agent", "/spire/server", "/spire/agents/a"])
    func notAgent(path: String) async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let id = try domain.id(path)
        #expect(throws: IssuanceError.notAgentID(id)) {
            try state.issueAgentSVID(id: id, publicKey: newPublicKey(), ttl: .hours(1), now: self.now)
        }
    }

    @Test("malformed and overlapping DNS names are refused")
    func invalidDNSNames() async throws {
        await #expect(throws: IssuanceError.dnsNames(.invalid("a b", .invalidByte(0x20)))) {
            try await self.issued(dnsNames: ["a b"])
        }
        await #expect(throws: IssuanceError.dnsNames(.coveredByWildcard("a.test", wildcard: "*.test"))) {
            try await self.issued(dnsNames: ["a.test", "*.test"])
        }
    }

    @Test("keys of other kinds are refused")
    func unsupportedKey() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let ed25519 = Certificate.PublicKey(Curve25519.Signing.PrivateKey().publicKey)
        #expect(throws: IssuanceError.unsupportedKey(.unsupportedKey)) {
            try state.issueX509SVID(id: domain.id("/web"), publicKey: ed25519, ttl: .hours(1), now: self.now)
        }
    }

    @Test("EC keys on all three curves and RSA keys are certified")
    func supportedKeys() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let keys = [
            Certificate.PublicKey(P256.Signing.PrivateKey().publicKey),
            Certificate.PublicKey(P384.Signing.PrivateKey().publicKey),
            Certificate.PublicKey(P521.Signing.PrivateKey().publicKey),
            Certificate.PublicKey(try _RSA.Signing.PrivateKey(keySize: .bits2048).publicKey),
        ]
        for key in keys {
            let svid = try state.issueX509SVID(id: domain.id("/web"), publicKey: key, ttl: .hours(1), now: self.now)
            #expect(svid.chain[0].publicKey == key)
        }
    }
}
