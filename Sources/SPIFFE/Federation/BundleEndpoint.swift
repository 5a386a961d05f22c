/// How the server of a bundle endpoint proves who it is (SPIFFE Federation §5.2).
public enum BundleEndpointProfile: Hashable, Sendable {
    /// By a certificate of a certificate authority that this machine trusts (§5.2.1).
    case httpsWeb
    /// By an X509-SVID of exactly this SPIFFE ID (§5.2.2).
    case httpsSPIFFE(endpointID: SPIFFEID)
}

/// Where the bundle of a foreign trust domain is fetched, and how (SPIFFE Federation §5.1).
///
/// All three are configured; none is ever inferred from another (§5.1, §8).
public struct BundleEndpoint: Hashable, Sendable {
    /// The trust domain whose bundle is fetched; nothing in a bundle says so.
    public let trustDomain: TrustDomain
    public let url: BundleEndpointURL
    public let profile: BundleEndpointProfile

    public init(trustDomain: TrustDomain, url: BundleEndpointURL, profile: BundleEndpointProfile) {
        self.trustDomain = trustDomain
        self.url = url
        self.profile = profile
    }

    /// The trust domain whose bundle proves the server, for `https_spiffe`; nil for `https_web`.
    ///
    /// An endpoint of its own trust domain is called self-serving.
    public var trustDomainOfServer: TrustDomain? {
        switch self.profile {
        case .httpsWeb: nil
        case .httpsSPIFFE(let endpointID): endpointID.trustDomain
        }
    }
}
