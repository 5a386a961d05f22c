import Crypto
import FoundationEssentials
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("X509-SVID §5 validation of a peer", .timeLimit(.minutes(1)))
struct PeerValidationTests {
    private static let web = "spiffe://example.org/web"

    @Test("X509-01: the one URI SAN is the identity, taken as its bytes are")
    func oneURIName() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        // 30 1A 86 18 "spiffe://example.org/web"
        let name: [UInt8] = [0x30, 0x1A, 0x86, 0x18] + Array(Self.web.utf8)
        let chain = try authority.chain(id: "") { $0.rawSubjectAlternativeName = name }
        #expect(try validated(chain, authority).id.uri == Self.web)
    }

    @Test("X509-01: a leaf without URI SAN is refused", arguments: Vector.all("x509-svid", rule: "X509-01"))
    func noURIName(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-02: several URI SANs are refused, whatever they are", arguments: Vector.all("x509-svid", rule: "X509-02"))
    func severalURINames(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-03: SANs of other types may be there in any number", arguments: Vector.all("x509-svid", rule: "X509-03"))
    func otherNames(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-04: a signing certificate identifies nobody, not even an authority of the bundle")
    func onlyLeavesIdentify() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        #expect(throws: X509SVIDError.leafIsCA) { try validated([authority.certificate], authority) }
        let withPath = try authority.intermediate { $0.uriNames = [Self.web] }
        #expect(throws: X509SVIDError.leafIsCA) { try validated([withPath.certificate], authority) }
    }

    @Test("X509-05: a leaf whose ID has no path is refused")
    func noPath() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let chain = try authority.chain(id: "spiffe://example.org")
        #expect(throws: X509SVIDError.leafWithoutPath(authority.trustDomain)) { try validated(chain, authority) }
    }

    @Test("X509-06: the subject of a leaf may be empty, or not", arguments: Vector.all("x509-svid", rule: "X509-06"))
    func subject(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-20: a peer without key usage is accepted, as §5.2 does not ask for it",
        arguments: Vector.all("x509-svid", rule: "X509-20"))
    func noKeyUsage(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-24: digitalSignature is not asked of a peer", arguments: Vector.all("x509-svid", rule: "X509-24"))
    func noDigitalSignature(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-25: keyEncipherment and keyAgreement may be set", arguments: Vector.all("x509-svid", rule: "X509-25"))
    func moreKeyUsages(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-29: the extended key usage may be critical", arguments: Vector.all("x509-svid", rule: "X509-29"))
    func criticalExtendedKeyUsage(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "X509-30: a one-sided extended key usage is accepted of a peer",
        arguments: Vector.all("x509-svid", rule: "X509-30"))
    func oneSidedExtendedKeyUsage(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-33: a leaf with cA true is refused", arguments: Vector.all("x509-svid", rule: "X509-33"))
    func leafIsCA(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-34: a leaf with keyCertSign is refused", arguments: Vector.all("x509-svid", rule: "X509-34"))
    func leafMaySign(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-35: a leaf with cRLSign is refused", arguments: Vector.all("x509-svid", rule: "X509-35"))
    func leafMaySignCRLs(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-36: another scheme than spiffe is refused", arguments: Vector.all("x509-svid", rule: "X509-36"))
    func otherScheme(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-37: an ID without path is refused of a peer", arguments: Vector.all("x509-svid", rule: "X509-37"))
    func leafWithoutPath(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("X509-38: several URI SANs are refused of a peer with a valid chain, and counted")
    func severalURINamesOfPeer() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let chain = try authority.chain(id: Self.web) { $0.uriNames += [Self.web, "https://x"] }
        #expect(throws: X509SVIDError.severalURINames(count: 3)) { try validated(chain, authority) }
    }

    @Test("X509-50: a leaf without basic constraints is a leaf", arguments: Vector.all("x509-svid", rule: "X509-50"))
    func noBasicConstraints(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "SID-22: an SVID counts only below an authority of its own trust domain",
        arguments: Vector.all("x509-svid", rule: "SID-22"))
    func ownTrustDomain(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-28: the ID is inside of what is signed", arguments: Vector.all("x509-svid", rule: "SID-28"))
    func signedID(_ vector: Vector) throws {
        try vector.check()
    }

    @Test(
        "SID-29: an unknown extension that is not critical changes nothing",
        arguments: Vector.all("x509-svid", rule: "SID-29"))
    func unknownExtension(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-30: no other document than the specified ones is taken for an SVID")
    func otherDocuments() throws {
        let authority = try TestAuthority(trustDomain: "example.org")
        let bundles = TrustBundles([authority.bundle])
        let paseto = "v4.public.eyJzdWIiOiJzcGlmZmU6Ly9leGFtcGxlLm9yZy93ZWIifQ"
        #expect(throws: JWTSVIDError.self) {
            try JWTSVID.validate(paseto, audience: "a", bundles: bundles, now: authority.now)
        }
        let ssh = Array("\0\0\0\u{28}ecdsa-sha2-nistp256-cert-v01@openssh.com".utf8)
        #expect(throws: X509SVIDError.malformedCertificate(position: 0)) {
            try X509SVID(certificatesDER: ssh, privateKeyPKCS8DER: [])
        }
    }

    @Test(
        "SID-34: the SAN is judged as it stands, not as a URL library would see it",
        arguments: Vector.all("x509-svid", rule: "SID-34"))
    func rawNames(_ vector: Vector) throws {
        try vector.check()
    }

    @Test("SID-18: an ID of 2048 bytes is issued and validated")
    func longestID() throws {
        let id = "spiffe://example.org/" + String(repeating: "a", count: 2027)
        let authority = try TestAuthority(trustDomain: "example.org")
        #expect(try validated(authority.chain(id: id), authority).id.uri == id)
    }

    @Test("what was validated is the path from the leaf to the authority, with the leaf's end and serial number")
    func result() throws {
        let root = try TestAuthority(trustDomain: "example.org")
        let authority = try root.intermediate()
        let chain = try authority.chain(id: Self.web) {
            $0.serialNumber = .init(bytes: [0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00])
        }
        let svid = try validated(chain, root)
        #expect(svid.chain == chain + [root.certificate])
        #expect(svid.serialNumber == "18446744073709551616")
        #expect(svid.notAfter == root.now.addingTimeInterval(3_600))
    }

    @Test(
        "serial numbers are written in decimal digits",
        arguments: [
            ([0x00], "0"), ([0x0A], "10"), ([0x3B, 0x9A, 0xCA, 0x00], "1000000000"),
            ([0x3B, 0x9A, 0xC9, 0xFF], "999999999"),
            ([UInt8](repeating: 0xFF, count: 16), "340282366920938463463374607431768211455"),
        ] as [([UInt8], String)])
    func serialNumbers(_ bytes: [UInt8], _ digits: String) {
        #expect(Certificate.SerialNumber(bytes: bytes).decimalDigits == digits)
    }

    @Test("each error has a label of its own and says what is wrong")
    func errors() throws {
        let trustDomain = try TrustDomain(parsing: "example.org")
        let errors: [X509SVIDError] = [
            .emptyChain, .chainTooLong(count: 11), .chainTooLarge(maxBytes: 1), .malformedCertificate(position: 0),
            .malformedExtension("2.5.29.15", position: 1), .serialNumberTooLong(bytes: 21),
            .noURIName, .severalURINames(count: 2),
            .invalidSPIFFEID(.query), .leafIsCA, .leafMaySignCertificates, .leafMaySignCRLs,
            .leafWithoutPath(trustDomain), .keyUsageMissing, .keyUsageNotCritical, .digitalSignatureMissing,
            .malformedPrivateKey, .privateKeyMismatch, .unknownTrustDomain(trustDomain),
            .noX509Authorities(trustDomain), .noTrustedIssuer(position: 0), .invalidSignature(position: 0),
            .unsupportedSignature(position: 0), .notYetValid(position: 0, notBefore: Date(timeIntervalSince1970: 0)),
            .expired(position: 0, notAfter: Date(timeIntervalSince1970: 0)),
            .unknownCriticalExtension("1.2.3", position: 0), .issuerIsNotCA(position: 1),
            .issuerMayNotSign(position: 1), .pathLengthExceeded(position: 1), .nameNotPermitted(position: 1),
            .unjudgedNameConstraint(position: 1), .tooManySignatureChecks,
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
        let expired = X509SVIDError.expired(position: 0, notAfter: Date(timeIntervalSince1970: 0))
        #expect(expired.description == "the leaf is not valid after 1970-01-01T00:00:00Z")
    }
}

/// Validates with the bundle of one authority, at its own time.
func validated(_ chain: [Certificate], _ authority: TestAuthority) throws(X509SVIDError) -> VerifiedX509SVID {
    try VerifiedX509SVID.validate(chain, bundles: TrustBundles([authority.bundle]), now: authority.now)
}
