extension TrustBundle {
    /// How often a bundle is fetched whose publisher does not say (SPIFFE Federation §4.2).
    public static let defaultRefreshInterval: Duration = .seconds(300)
    /// A bundle is not fetched more often, whatever its publisher says.
    public static let minRefreshInterval: Duration = .seconds(5)
    /// A bundle is fetched at least this often, whatever its publisher says.
    public static let maxRefreshInterval: Duration = .seconds(86_400)

    /// When to look for a newer bundle, counted from the last look: the refresh hint, from 5 seconds to a day; five
    /// minutes without one.
    public var refreshInterval: Duration {
        guard let hint = self.refreshHint else { return Self.defaultRefreshInterval }
        return min(max(hint, Self.minRefreshInterval), Self.maxRefreshInterval)
    }

    /// Whether this bundle, fetched just now, takes the place of another one of its trust domain (SPIFFE Federation
    /// §4.2).
    ///
    /// Not where both are numbered and this one's number is smaller: a cache or a mirror lags behind then. Without
    /// numbers the bundle fetched last counts.
    public func replaces(_ other: TrustBundle) -> Bool {
        guard let own = self.sequenceNumber, let others = other.sequenceNumber else { return true }
        return own >= others
    }
}
