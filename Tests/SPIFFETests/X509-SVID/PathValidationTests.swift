import Crypto
import FoundationEssentials
import SPIFFE
import TestSupport
import Testing
import X509

@Suite("X509-SVID §5.1 path validation", .timeLimit(.minutes(1)))
struct PathValidationTests {
    private static let web = "spiffe://example.org/web"

    @Test("X509-08: only cA true with keyCertSign makes an issuer", arguments: Vector.all("x509-svid", rule: "X509-08"))
    func issuers(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-09: an authority without SAN is accepted", arguments: Vector.all("x509-svid", rule: "X509-09"))
    func authorityWithoutSAN(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-10: the names of an authority are not judged", arguments: Vector.all("x509-svid", rule: "X509-10"))
    func authorityWithSlash(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-12: a signing certificate may sign another", arguments: Vector.all("x509-svid", rule: "X509-12"))
    func chained(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-14: signing certificates are chained without gap, in any order",
        arguments: Vector.all("x509-svid", rule: "X509-14"))
    func chainedWithoutGap(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-15: a path length constraint is obeyed", arguments: Vector.all("x509-svid", rule: "X509-15"))
    func pathLength(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-16: an issuer without cA true is refused", arguments: Vector.all("x509-svid", rule: "X509-16"))
    func issuerIsNotCA(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-18: URI name constraints are obeyed", arguments: Vector.all("x509-svid", rule: "X509-18"))
    func nameConstraints(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-22: an issuer whose key usage lacks keyCertSign is refused",
        arguments: Vector.all("x509-svid", rule: "X509-22"))
    func issuerMayNotSign(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-23: an issuer may have cRLSign, or not", arguments: Vector.all("x509-svid", rule: "X509-23"))
    func issuerWithoutCRLSign(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-27: an imported authority may have digitalSignature", arguments: Vector.all("x509-svid", rule: "X509-27"))
    func issuerWithDigitalSignature(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-31: an issuer may have an extended key usage", arguments: Vector.all("x509-svid", rule: "X509-31"))
    func issuerWithExtendedKeyUsage(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-32: paths follow RFC 5280", arguments: Vector.all("x509-svid", rule: "X509-32"))
    func paths(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-43: an authority need not be self-signed", arguments: Vector.all("x509-svid", rule: "X509-43"))
    func intermediateAsAuthority(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-47: without X.509 authorities, every X.509-SVID of the trust domain is refused",
        arguments: Vector.all("x509-svid", rule: "X509-47"))
    func noAuthorities(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-51: authorities of one name are all tried", arguments: Vector.all("x509-svid", rule: "X509-51"))
    func sameName(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-52: a root that the peer sends is not trusted for that",
        arguments: Vector.all("x509-svid", rule: "X509-52"))
    func peersOwnRoot(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-32: validity is judged at the time that is given, both ends included")
    func validity() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let chain = try authority.chain(id: Self.web)
        let bundles = TrustBundles([authority.bundle])
        let (first, last) = (authority.now.addingTimeInterval(-60), authority.now.addingTimeInterval(3_600))
        for moment in [first, last] {
            #expect(try VerifiedX509SVID.validate(chain, bundles: bundles, now: moment).id.uri == Self.web)
        }
        #expect(throws: X509SVIDError.notYetValid(position: 0, notBefore: first)) {
            try VerifiedX509SVID.validate(chain, bundles: bundles, now: first.addingTimeInterval(-0.5))
        }
        #expect(throws: X509SVIDError.expired(position: 0, notAfter: last)) {
            try VerifiedX509SVID.validate(chain, bundles: bundles, now: last.addingTimeInterval(0.5))
        }
    }

    @Test("X509-32: what is wrong above the leaf is reported with its place in the path")
    func positions() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let notAfter = root.now.addingTimeInterval(-1)
        let first = try root.intermediate(name: "first") { $0.notAfter = notAfter }
        let second = try first.intermediate(name: "second")
        let chain = try second.chain(id: Self.web)
        #expect(throws: X509SVIDError.expired(position: 2, notAfter: notAfter)) { try validated(chain, root) }
    }

    @Test("X509-32: a chain of ten certificates is accepted, one of eleven is not looked at")
    func longestChain() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        var authority = root
        for index in 1...9 { authority = try authority.intermediate(name: "ca \(index)") }
        #expect(try validated(authority.chain(id: Self.web), root).chain.count == 11)
        let longer = try authority.intermediate(name: "ca 10").chain(id: Self.web)
        #expect(throws: X509SVIDError.chainTooLong(count: 11)) { try validated(longer, root) }
    }

    @Test(
        "X509-32: a hostile chain of certificates with one name costs a bounded number of signature checks",
        arguments: [(8, .invalidSignature(position: 1)), (9, .tooManySignatureChecks)] as [(Int, X509SVIDError)])
    func hostileChain(count: Int, error: X509SVIDError) throws {
        let root = try TestAuthority(trustDomain: "example.org")
        // Every one bears the name that every one names as its issuer; no key signed more than one of them. The leaf is
        // checked with each, and with one that fits the others are checked again: 15 and 17 checks.
        let loops = try (0..<count).map { _ in
            try TestAuthority(trustDomain: "example.org") {
                $0.subject = (try? DistinguishedName { OrganizationName("x") }) ?? $0.subject
            }
        }
        let leaf = try loops[0].issue(id: Self.web).certificate
        #expect(throws: error) {
            try validated([leaf] + loops.map(\.certificate), root)
        }
    }

    @Test("X509-32: certificates of one name and key are used once in a path")
    func sameNameAndKey() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let authority = try root.intermediate()
        let chain = try authority.chain(id: Self.web)
        let svid = try validated(chain + [authority.certificate, authority.certificate], root)
        #expect(svid.chain.count == 3)
    }

    @Test("X509-32: a certificate that signed itself with its own name leads nowhere")
    func selfSignedLeaf() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let other = try TestAuthority(trustDomain: "example.org") { $0.subject = DistinguishedName() }
        let leaf = try other.issue(id: Self.web).certificate
        #expect(throws: X509SVIDError.noTrustedIssuer(position: 0)) { try validated([leaf, leaf], root) }
    }

    @Test("X509-32: an unreadable extension of an issuer is refused with its place")
    func unreadableExtension() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let broken = try root.intermediate {
            $0.basicConstraints = nil
            $0.extraExtensions = [.init(oid: .X509ExtensionID.basicConstraints, critical: true, value: [0x05, 0x00])]
        }
        #expect(throws: X509SVIDError.malformedExtension("2.5.29.19", position: 1)) {
            try validated(broken.chain(id: Self.web), root)
        }
    }

    @Test(
        "X509-18: a constraint that is no host name is not judged and refuses every URI",
        arguments: ["", ".", "https://example.org", "example.org:443"])
    func unusableConstraint(_ constraint: String) throws {
        let root = try TestAuthority(trustDomain: "example.org") {
            $0.nameConstraints = NameConstraints(permittedURIDomains: [constraint])
        }
        #expect(throws: X509SVIDError.unjudgedNameConstraint(position: 1)) {
            try validated(root.chain(id: Self.web), root)
        }
    }

    @Test("X509-18: a constraint on URIs does not concern an intermediate without any")
    func constraintWithoutNames() throws {
        let root = try TestAuthority(trustDomain: "example.org") {
            $0.nameConstraints = NameConstraints(permittedURIDomains: ["example.org"])
        }
        let authority = try root.intermediate { $0.uriNames = [] }
        #expect(try validated(authority.chain(id: Self.web), root).id.uri == Self.web)
    }

    @Test("X509-32: name constraints that cannot be read are refused, also where they constrain nothing")
    func unreadableConstraints() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let chain = try authority.chain(id: Self.web) {
            $0.extraExtensions = [.init(oid: .X509ExtensionID.nameConstraints, critical: true, value: [0x05, 0x00])]
        }
        #expect(throws: X509SVIDError.malformedExtension("2.5.29.30", position: 0)) {
            try validated(chain, authority)
        }
    }

    @Test("X509-18: hosts are compared without case, as the standard says of them")
    func constraintWithoutCase() throws {
        let root = try TestAuthority(trustDomain: "example.org") {
            $0.nameConstraints = NameConstraints(permittedURIDomains: ["EXAMPLE.org"])
        }
        #expect(try validated(root.chain(id: Self.web), root).id.uri == Self.web)
    }
}
