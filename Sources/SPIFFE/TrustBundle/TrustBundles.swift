/// The bundles that are in force, at most one a trust domain.
public struct TrustBundles: Hashable, Sendable {
    private var bundles: [TrustDomain: TrustBundle]

    /// Makes a set of bundles; of two of one trust domain, the later counts.
    public init(_ bundles: [TrustBundle] = []) {
        self.bundles = Dictionary(bundles.map { ($0.trustDomain, $0) }, uniquingKeysWith: { $1 })
    }

    /// The bundle that SVIDs of this trust domain are validated with; no other is ever used for them.
    public subscript(trustDomain: TrustDomain) -> TrustBundle? {
        self.bundles[trustDomain]
    }

    /// All bundles, ordered by the names of their trust domains.
    public var all: [TrustBundle] {
        self.bundles.values.sorted { $0.trustDomain < $1.trustDomain }
    }

    /// Adds a bundle, in the place of the one of its trust domain.
    public mutating func set(_ bundle: TrustBundle) {
        self.bundles[bundle.trustDomain] = bundle
    }

    /// Takes the bundle of a trust domain out of force.
    public mutating func remove(_ trustDomain: TrustDomain) {
        self.bundles[trustDomain] = nil
    }
}
