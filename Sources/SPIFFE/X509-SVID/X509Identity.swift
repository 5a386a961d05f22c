/// A workload's own X509-SVID and the bundles to judge peers by, of one moment.
public struct X509Identity: Sendable {
    public let svid: X509SVID
    /// The bundle of the SVID's own trust domain, and of those it federates with.
    public let bundles: TrustBundles

    public init(svid: X509SVID, bundles: TrustBundles) {
        self.svid = svid
        self.bundles = bundles
    }
}
