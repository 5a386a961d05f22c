import Crypto
public import FoundationEssentials
public import X509

/// A peer's X509-SVID that was validated against the bundle of its own trust domain.
///
/// There is no other way to get one than ``validate(_:bundles:now:)``. It says who holds the leaf's key; that the peer
/// does hold it is for the TLS handshake to show.
public struct VerifiedX509SVID: Hashable, Sendable {
    /// The most certificates a peer may send.
    public static let maxChainLength = 10
    /// The longest certificate that is read, in bytes.
    public static let maxCertificateBytes = 65_536
    /// The most signatures that are checked for one chain; a hostile chain cannot make more work than this.
    public static let maxSignatureChecks = 64
    /// The most of them that are checked with keys of certificates that the peer sent.
    ///
    /// A chain of ``maxChainLength`` needs one less than that; more are tries among certificates of one name.
    public static let maxIntermediateSignatureChecks = 16

    /// How far Signet's authorities date certificates back, so that clocks which are a little late accept them.
    package static let backdate: Duration = .seconds(10)

    public let id: SPIFFEID
    /// The path that was validated: the leaf first, the authority of the bundle last.
    public let chain: [Certificate]
    /// When the leaf ceases to be valid; an authority above it may do so earlier.
    public let notAfter: Date
    /// The serial number of the leaf, of at most 20 bytes, in decimal digits.
    public let serialNumber: String
    /// When the leaf was issued, where an authority of Signet's did so.
    package let issuedAt: Date
    /// SHA-256 of the DER of the leaf (RFC 8705 §3.1), made once for the connection.
    public let certificateSHA256: [UInt8]
    /// The serial number of the leaf, in lower-case hexadecimal without leading zeros.
    public let certificateSerial: String

    /// Validates a certificate chain as an X509-SVID and returns its identity.
    ///
    /// Applies X509-SVID §5.1 and §5.2: the leaf rules, then path validation (RFC 5280 §6) to an authority in the bundle of
    /// the leaf's own trust domain. The chain is leaf first; the order of the others does not matter, and those that are
    /// not needed are not judged. An authority is judged like every other certificate of the path, its validity period
    /// included. A certificate that the peer sent is never trusted by itself.
    ///
    /// What X509-SVID §4 demands of issuers only (that the leaf has key usage digitalSignature, and both extended key
    /// usages) is not asked of a peer. Revocation lists are not looked at.
    ///
    /// Costs at most ``maxSignatureChecks`` signature checks. No I/O, no clock.
    ///
    /// - Parameters:
    ///   - chain: The certificates that the peer sent, the leaf first.
    ///   - bundles: Whom to believe: each trust domain's authorities for its own SVIDs.
    ///   - now: The wall-clock time at which validity periods are judged; both ends belong to the period.
    /// - Throws: ``X509SVIDError``; `.unknownTrustDomain` when `bundles` has none for the leaf.
    public static func validate(
        _ chain: [Certificate], bundles: TrustBundles, now: Date
    ) throws(X509SVIDError) -> VerifiedX509SVID {
        try self.validate(chain, leafDER: nil, bundles: bundles, now: now).peer
    }

    /// Validates a chain, and tells the path that was found beside the identity.
    ///
    /// - Parameter leafDER: The leaf as it arrived, where the consistency of all signatures was checked then.
    static func validate(
        _ chain: [Certificate], leafDER: [UInt8]?, bundles: TrustBundles, now: Date
    ) throws(X509SVIDError) -> (peer: VerifiedX509SVID, path: CertificationPath) {
        guard let leaf = chain.first else { throw .emptyChain }
        guard chain.count <= self.maxChainLength else { throw .chainTooLong(count: chain.count) }
        let areConsistent = leafDER != nil
        let facts = try CertificateFacts(leaf, position: 0, isConsistent: areConsistent)
        let id = try facts.checkLeaf()
        guard let bundle = bundles[id.trustDomain] else { throw .unknownTrustDomain(id.trustDomain) }
        guard !bundle.x509Authorities.isEmpty else { throw .noX509Authorities(id.trustDomain) }

        var search = CertificationPathSearch(
            intermediates: Array(chain.dropFirst()), authorities: bundle.x509Authorities, now: now,
            areConsistent: areConsistent)
        let path = try search.path(from: facts)
        let chain = path.certificates.map(\.certificate)
        return (VerifiedX509SVID(id: id, chain: chain, leaf: leaf, leafDER: leafDER ?? leaf.derBytes), path)
    }

    private init(id: SPIFFEID, chain: [Certificate], leaf: Certificate, leafDER: [UInt8]) {
        self.id = id
        self.chain = chain
        self.notAfter = leaf.notValidAfter
        self.serialNumber = leaf.serialNumber.decimalDigits
        self.issuedAt = leaf.notValidBefore.addingTimeInterval(Self.backdate / .seconds(1))
        self.certificateSHA256 = Array(SHA256.hash(data: leafDER))
        self.certificateSerial = leaf.serialNumber.hexadecimalDigits
    }
}

extension Certificate.SerialNumber {
    /// The number in lower-case hexadecimal without leading zeros.
    package var hexadecimalDigits: String {
        let digits = self.bytes.flatMap { [$0 >> 4, $0 & 0x0F] }.drop { $0 == 0 }
        guard !digits.isEmpty else { return "0" }
        return String(
            decoding: digits.map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "a") - 10 + $0 }, as: UTF8.self)
    }

    /// The number in decimal digits, as SPIRE writes it; takes time by the square of its length.
    package var decimalDigits: String {
        // Groups of nine digits, the least significant first.
        var groups: [UInt64] = [0]
        for byte in self.bytes {
            var carry = UInt64(byte)
            for index in groups.indices {
                let value = groups[index] << 8 | carry
                groups[index] = value % 1_000_000_000
                carry = value / 1_000_000_000
            }
            if carry > 0 { groups.append(carry) }
        }
        let lower = groups.dropLast().reversed().map { group in
            let digits = String(group)
            return String(repeating: "0", count: 9 - digits.utf8.count) + digits
        }
        return ([String(groups[groups.count - 1])] + lower).joined()
    }
}
