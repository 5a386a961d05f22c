/// Where a service's current X.509 identity comes from.
public protocol X509SVIDSource: Sendable {
    /// The identity to use for a connection that begins now: SVID and bundles of one snapshot.
    ///
    /// Does not wait. Throws when there is none, or none any more.
    func current() throws -> X509Identity
}
