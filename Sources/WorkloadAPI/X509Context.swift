import FoundationEssentials
public import SPIFFE

/// All that a process needs for X.509: its identities and whom it may trust, as of one message of the Workload API.
public struct X509Context: Sendable {
    /// The SVIDs in the order of the server, the default identity first; at least one, non-empty hints unique.
    public let svids: [X509SVID]
    /// The bundles of the SVIDs' own trust domains and of the federated ones.
    public let bundles: TrustBundles
    /// Certificate revocation lists in DER, as they came.
    ///
    /// Nothing here interprets them.
    public let revocationListsDER: [[UInt8]]

    package init(svids: [X509SVID], bundles: TrustBundles, revocationListsDER: [[UInt8]] = []) {
        self.svids = svids
        self.bundles = bundles
        self.revocationListsDER = revocationListsDER
    }

    /// Judges each SVID as a peer with these bundles would.
    ///
    /// An identity that nobody would accept is better not put in the place of one that somebody would.
    func check(now: Date) throws(WorkloadAPIMessageError) {
        for svid in self.svids {
            do {
                _ = try VerifiedX509SVID.validate(svid.certificates, bundles: self.bundles, now: now)
            } catch {
                throw .invalidX509SVID(svid.id, error)
            }
        }
    }

    /// One identity with the bundles it was sent with.
    ///
    /// - Throws: ``WorkloadAPIError/noSuchSVID(_:)``.
    public func identity(_ selection: SVIDSelection) throws(WorkloadAPIError) -> X509Identity {
        X509Identity(svid: try selection.select(from: self.svids), bundles: self.bundles)
    }
}
