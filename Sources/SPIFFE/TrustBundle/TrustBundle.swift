public import X509

/// The public keys that SVIDs of one trust domain are validated with (SPIFFE Trust Domain and Bundle §3, §4).
///
/// A bundle does not say whose it is (§3); here the trust domain goes with it everywhere.
public struct TrustBundle: Hashable, Sendable {
    /// The longest document that is read, in bytes.
    public static let maxDocumentBytes = 4_194_304
    /// The most entries a document, and certificates a list of certificates, may have.
    public static let maxAuthorities = 1_024
    /// The greatest refresh hint that is read, in seconds; 68 years.
    public static let maxRefreshHintSeconds: Int64 = 2_147_483_647

    public let trustDomain: TrustDomain
    /// The certificates that X509-SVIDs are validated with, in their order in the document, each once.
    public let x509Authorities: [Certificate]
    /// The keys that JWT-SVIDs are validated with, in their order in the document, each `kid` once.
    public let jwtAuthorities: [JWTAuthority]
    /// The keys that WIT-SVIDs are validated with, in their order in the document, each `kid` once.
    public let witAuthorities: [WITAuthority]
    /// Grows whenever the content changes; nil when the publisher gave none (§4.1.1).
    public let sequenceNumber: UInt64?
    /// How often to look for a newer one, in whole seconds; nil when the publisher gave none (§4.1.2).
    public let refreshHint: Duration?
    /// What the document held and is not used; empty for a bundle that was not read from a document.
    public let skipped: [SkippedBundleEntry]

    /// Makes a bundle; certificates, and authorities of a `kid`, that come a second time are left out.
    ///
    /// A `kid` that both a JWT and a WIT authority have says of neither what it signs: both are left out (WIT-SVID §6).
    public init(
        trustDomain: TrustDomain, x509Authorities: [Certificate] = [], jwtAuthorities: [JWTAuthority] = [],
        witAuthorities: [WITAuthority] = [], sequenceNumber: UInt64? = nil, refreshHint: Duration? = nil
    ) {
        self.init(
            trustDomain: trustDomain, x509Authorities: x509Authorities, jwtAuthorities: jwtAuthorities,
            witAuthorities: witAuthorities, sequenceNumber: sequenceNumber, refreshHint: refreshHint, skipped: [])
    }

    init(
        trustDomain: TrustDomain, x509Authorities: [Certificate], jwtAuthorities: [JWTAuthority],
        witAuthorities: [WITAuthority], sequenceNumber: UInt64?, refreshHint: Duration?, skipped: [SkippedBundleEntry]
    ) {
        var certificates: Set<Certificate> = []
        let shared = BundleKeyIDs.shared(jwtAuthorities, witAuthorities)
        var jwtKeyIDs = shared
        var witKeyIDs = shared
        self.trustDomain = trustDomain
        self.x509Authorities = x509Authorities.filter { certificates.insert($0).inserted }
        self.jwtAuthorities = jwtAuthorities.filter { jwtKeyIDs.insert(Array($0.keyID.utf8)).inserted }
        self.witAuthorities = witAuthorities.filter { witKeyIDs.insert(Array($0.keyID.utf8)).inserted }
        self.sequenceNumber = sequenceNumber
        self.refreshHint = refreshHint
        self.skipped = skipped
    }

    /// The JWT authority of exactly this `kid`.
    public func jwtAuthority(keyID: String) -> JWTAuthority? {
        // Byte for byte: `==` of strings takes different code points for the same.
        self.jwtAuthorities.first { $0.keyID.utf8.elementsEqual(keyID.utf8) }
    }

    /// The WIT authority of exactly this `kid`.
    public func witAuthority(keyID: String) -> WITAuthority? {
        self.witAuthorities.first { $0.keyID.utf8.elementsEqual(keyID.utf8) }
    }
}
