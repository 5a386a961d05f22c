import FoundationEssentials
package import SPIFFE
package import WorkloadAPIProtos

extension TrustBundles {
    /// Reads a response of FetchX509Bundles (SPIFFE Workload API §5.2.2).
    package init(_ message: X509BundlesResponse) throws(WorkloadAPIMessageError) {
        guard !message.bundles.isEmpty else { throw .missing(field: "bundles") }
        var bundles = BundleReader()
        try bundles.add(x509: message.bundles, field: "bundles")
        self = bundles.bundles
    }

    /// Reads a response of FetchJWTBundles (SPIFFE Workload API §6.2.2).
    package init(_ message: JWTBundlesResponse) throws(WorkloadAPIMessageError) {
        guard !message.bundles.isEmpty else { throw .missing(field: "bundles") }
        var bundles = BundleReader()
        try bundles.add(jwt: message.bundles, field: "bundles")
        self = bundles.bundles
    }
}

/// Collects the bundles of one message, one for each trust domain.
struct BundleReader {
    private(set) var bundles = TrustBundles()

    /// Adds X.509 authorities as concatenated DER.
    ///
    /// No bytes are a bundle without authorities.
    mutating func add(x509 der: Data, of trustDomain: TrustDomain) throws(WorkloadAPIMessageError) {
        do {
            let authorities = try TrustBundle.parseCertificates(concatenatedDER: Array(der))
            try self.add(TrustBundle(trustDomain: trustDomain, x509Authorities: authorities))
        } catch let error as TrustBundleError {
            throw .malformedBundle(trustDomain, error)
        } catch let error as WorkloadAPIMessageError {
            throw error
        } catch {
            throw .missing(field: "bundle")
        }
    }

    mutating func add(x509 bundles: [String: Data], field: String) throws(WorkloadAPIMessageError) {
        for (trustDomain, der) in try self.parseNames(of: bundles, field: field) {
            try self.add(x509: der, of: trustDomain)
        }
    }

    mutating func add(jwt bundles: [String: Data], field: String) throws(WorkloadAPIMessageError) {
        for (trustDomain, document) in try self.parseNames(of: bundles, field: field) {
            let bundle: TrustBundle
            do {
                bundle = try TrustBundle(parsingJWTKeySet: Array(document), trustDomain: trustDomain)
            } catch {
                throw .malformedBundle(trustDomain, error)
            }
            try self.add(bundle)
        }
    }

    mutating func add(wit bundles: [String: String], field: String) throws(WorkloadAPIMessageError) {
        for (trustDomain, document) in try self.parseNames(of: bundles, field: field) {
            let bundle: TrustBundle
            do {
                bundle = try TrustBundle(parsingWITKeySet: Array(document.utf8), trustDomain: trustDomain)
            } catch {
                throw .malformedBundle(trustDomain, error)
            }
            try self.add(bundle)
        }
    }

    /// The keys are SPIFFE IDs of trust domains; bare names are accepted, too.
    private func parseNames<Bundle>(
        of bundles: [String: Bundle], field: String
    ) throws(WorkloadAPIMessageError) -> [(TrustDomain, Bundle)] {
        try limit(bundles.count, to: WorkloadAPILimits.maxBundles, field: field)
        var named: [(TrustDomain, Bundle)] = []
        // In the order of the names, so that a message with two faults is always refused for the same one.
        for (name, bundle) in bundles.sorted(by: { $0.key < $1.key }) {
            if let id = try? SPIFFEID(parsing: name), !id.path.isEmpty { throw .bundleNamedByPath(id) }
            do {
                named.append((try TrustDomain(nameOrID: name), bundle))
            } catch {
                throw .malformedID(field: field, error)
            }
        }
        return named
    }

    private mutating func add(_ bundle: TrustBundle) throws(WorkloadAPIMessageError) {
        if let known = self.bundles[bundle.trustDomain] {
            guard known.hasAuthorities(of: bundle) else { throw .contradictoryBundles(bundle.trustDomain) }
        } else {
            self.bundles.set(bundle)
        }
    }
}

extension TrustBundle {
    /// Whether both bundles say the same: the order of their authorities says nothing.
    fileprivate func hasAuthorities(of other: TrustBundle) -> Bool {
        Set(self.x509Authorities) == Set(other.x509Authorities)
            && Set(self.jwtAuthorities) == Set(other.jwtAuthorities)
            && Set(self.witAuthorities) == Set(other.witAuthorities)
    }
}
