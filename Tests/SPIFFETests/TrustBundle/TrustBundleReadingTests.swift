import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("Trust Domain and Bundle §4 reading", .timeLimit(.minutes(1)))
struct TrustBundleReadingTests {
    @Test("BUN-04: extra members of the document are ignored", arguments: Vector.all("trust-bundle", rule: "BUN-04"))
    func extraMembers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-05: keys alone are a bundle", arguments: Vector.all("trust-bundle", rule: "BUN-05"))
    func keysAlone(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-07: the sequence number is an integer", arguments: Vector.all("trust-bundle", rule: "BUN-07"))
    func sequenceNumber(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-09: a sequence number of 64 bits survives", arguments: Vector.all("trust-bundle", rule: "BUN-09"))
    func longSequenceNumber(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-11: the refresh hint is a number of whole seconds, else the document is refused",
        arguments: Vector.all("trust-bundle", rule: "BUN-11"))
    func refreshHint(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-13: keys are there and an array", arguments: Vector.all("trust-bundle", rule: "BUN-13"))
    func keys(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-14: entries of unknown kind are skipped", arguments: Vector.all("trust-bundle", rule: "BUN-14"))
    func unknownKind(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-15: an empty array of keys is read as no keys", arguments: Vector.all("trust-bundle", rule: "BUN-15"))
    func noKeys(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-19: extra members of an entry are tolerated", arguments: Vector.all("trust-bundle", rule: "BUN-19"))
    func extraKeyMembers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-21: an entry of unknown or missing kty is skipped", arguments: Vector.all("trust-bundle", rule: "BUN-21"))
    func unknownKeyType(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-23: use is compared with case", arguments: Vector.all("trust-bundle", rule: "BUN-23"))
    func useCase(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-24: an entry of missing or unknown use is skipped", arguments: Vector.all("trust-bundle", rule: "BUN-24"))
    func unknownUse(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-34: private key material is skipped and named", arguments: Vector.all("trust-bundle", rule: "BUN-34"))
    func privateKeys(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-35: a member twice refuses the document", arguments: Vector.all("trust-bundle", rule: "BUN-35"))
    func duplicateMembers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-36: of two entries of one kid, the first stays", arguments: Vector.all("trust-bundle", rule: "BUN-36"))
    func duplicateKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-37: a jwt-svid entry without kid is skipped alone", arguments: Vector.all("trust-bundle", rule: "BUN-37"))
    func noKeyID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "BUN-39: trailing bytes, a byte order mark and too long a document are refused",
        arguments: Vector.all("trust-bundle", rule: "BUN-39"))
    func wholeDocument(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "JWT-30: a JWK set of the Workload API gives jwt-svid keys only",
        arguments: Vector.all("trust-bundle", rule: "JWT-30"))
    func jwtKeySet(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-39: authorities of every kind of key are read and written again",
        arguments: Vector.all("trust-bundle", rule: "X509-39"))
    func authorityKinds(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-41: a kid in an x509-svid entry is tolerated", arguments: Vector.all("trust-bundle", rule: "X509-41"))
    func keyIDOfCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-42: x5c is base64 of the standard alphabet", arguments: Vector.all("trust-bundle", rule: "X509-42"))
    func base64(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-45: an x509-svid entry without a usable certificate is skipped",
        arguments: Vector.all("trust-bundle", rule: "X509-45"))
    func noCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-46: the first value of x5c counts", arguments: Vector.all("trust-bundle", rule: "X509-46"))
    func firstCertificate(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-47: the authorities are the union of the entries", arguments: Vector.all("trust-bundle", rule: "X509-47"))
    func union(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-48: an entry of another key than its certificate's is skipped",
        arguments: Vector.all("trust-bundle", rule: "X509-48"))
    func otherKey(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("BUN-12: a refresh hint of any size is passed on as it is; how often to poll is the poller's to decide")
    func refreshHints() throws {
        for seconds in [0, 1, 2_419_200, TrustBundle.maxRefreshHintSeconds] {
            let bundle = try Self.read("{\"keys\":[],\"spiffe_refresh_hint\":\(seconds)}")
            #expect(bundle.refreshHint == .seconds(seconds))
        }
    }

    @Test("BUN-33: without a hint there is none; five minutes are the poller's default")
    func noRefreshHint() throws {
        #expect(try Self.read("{\"keys\":[]}").refreshHint == nil)
    }

    @Test("BUN-11: where both names of the hint are used, spiffe_refresh_hint counts, and it alone is checked")
    func bothHints() throws {
        for other in ["1", "\"1\"", "-1", "{}"] {
            let both = try Self.read("{\"keys\":[],\"refresh_hint\":\(other),\"spiffe_refresh_hint\":2}")
            #expect(both.refreshHint == .seconds(2))
        }
        #expect(throws: TrustBundleError.invalidRefreshHint) {
            try Self.read("{\"keys\":[],\"refresh_hint\":1,\"spiffe_refresh_hint\":\"2\"}")
        }
    }

    @Test(
        "BUN-04: a refresh_hint that is no number of seconds is a member like any other",
        arguments: ["\"1\"", "1.5", "-1"])
    func otherHint(value: String) throws {
        #expect(try Self.read("{\"keys\":[],\"refresh_hint\":\(value)}").refreshHint == nil)
    }

    @Test("BUN-14: certificates that are left out count for the limit")
    func leftOutCertificates() throws {
        let document = try Vector(standard: "trust-bundle", name: "x5c-of-unknown-key").bytes("document.json")
        let entries = try JSON.parse(document, maxBytes: document.count).object?["keys"]?.array
        let text = try #require(entries?.first?.object?["x5c"]?.strings?.first)
        let certificates = [[UInt8]](repeating: try [UInt8](base64: text), count: TrustBundle.maxAuthorities + 1)
        #expect(try TrustBundle.parseCertificates(concatenatedDER: Array(certificates.dropLast().joined())) == [])
        #expect(throws: TrustBundleError.tooManyAuthorities(limit: TrustBundle.maxAuthorities)) {
            try TrustBundle.parseCertificates(concatenatedDER: Array(certificates.joined()))
        }
    }

    @Test("a certificate of 64 KiB is read, a longer one is not looked at", arguments: [0, 1])
    func certificateTooLong(excess: Int) throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bytes = VerifiedX509SVID.maxCertificateBytes + excess
        let certificate = try authority.issue(id: "spiffe://example.org/web", bytes: bytes).certificate
        let bundle = TrustBundle(trustDomain: authority.trustDomain, x509Authorities: [certificate])
        let (der, pem) = (certificate.derBytes, try certificate.serializeAsPEM().pemString)
        let read = try TrustBundle(parsing: bundle.document(), trustDomain: authority.trustDomain)
        guard excess > 0 else {
            #expect(try TrustBundle.parseCertificates(concatenatedDER: der) == [certificate])
            #expect(try TrustBundle.parsePEM(pem + "\n") == [certificate])
            #expect(read.x509Authorities == [certificate])
            return
        }
        let refused = TrustBundleError.malformedCertificate(index: 0)
        #expect(throws: refused) { try TrustBundle.parseCertificates(concatenatedDER: der) }
        #expect(throws: refused) { try TrustBundle.parsePEM(pem + "\n") }
        #expect(read.skipped.map(\.reason) == [.malformedCertificate])
    }

    @Test(
        "BUN-16: with no usable keys, every SVID of the trust domain is refused",
        arguments: [
            "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\",\"use\":\"foo-svid\"}]}",
        ])
    func noUsableKeys(_ document: String) throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundles = TrustBundles([try Self.read(document)])
        let chain = try authority.chain(id: "spiffe://example.org/web")
        #expect(throws: X509SVIDError.noX509Authorities(authority.trustDomain)) {
            try VerifiedX509SVID.validate(chain, bundles: bundles, now: authority.now)
        }
        let token = try authority.jwt(sub: "spiffe://example.org/web", aud: ["a"])
        #expect(throws: JWTSVIDError.noJWTAuthorities(authority.trustDomain)) {
            try JWTSVID.validate(token, audience: "a", bundles: bundles, now: authority.now)
        }
    }

    @Test("BUN-17: x509-svid and jwt-svid entries go where their SVIDs look")
    func uses() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundle = try TrustBundle(parsing: authority.bundle.document(), trustDomain: authority.trustDomain)
        #expect(bundle.x509Authorities == [authority.certificate])
        #expect(bundle.jwtAuthorities == [authority.jwtAuthority])
    }

    @Test("an error has a label of its own and says what is wrong")
    func errors() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let errors: [TrustBundleError] = [
            .tooLong(maxBytes: 1), .malformedJSON(.unexpectedEnd), .notAnObject, .keysMissing, .keysNotAnArray,
            .keyNotAnObject(index: 0), .tooManyAuthorities(limit: 1), .invalidSequenceNumber, .invalidRefreshHint,
            .malformedCertificate(index: 0), .malformedPEM, .trustDomainsMissing, .trustDomainsNotAnObject,
            .tooManyTrustDomains(limit: 1), .invalidTrustDomain(.port), .duplicateTrustDomain(trustDomain),
            .invalidBundle(trustDomain, .keysMissing),
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
    }

    private static func read(_ document: String) throws -> TrustBundle {
        try TrustBundle(parsing: Array(document.utf8), trustDomain: TrustDomain(parsing: "example.org"))
    }
}
