import FoundationEssentials
import SPIFFE
package import WorkloadAPIProtos

extension X509Context {
    /// Reads a response of FetchX509SVID (SPIFFE Workload API §5.2.1).
    ///
    /// One bad SVID or bundle spoils the whole message: half a state would not be the state.
    package init(_ message: X509SVIDResponse) throws(WorkloadAPIMessageError) {
        guard !message.svids.isEmpty else { throw .missing(field: "svids") }
        try limit(message.svids.count, to: WorkloadAPILimits.maxSVIDs, field: "svids")
        try limit(message.crl.count, to: WorkloadAPILimits.maxRevocationLists, field: "crl")

        var bundles = BundleReader()
        var svids: [SPIFFE.X509SVID] = []
        for svid in try firstOfEachHint(message.svids, hint: \.hint) {
            let parsed = try SPIFFE.X509SVID(svid)
            guard !svid.bundle.isEmpty else { throw .missing(field: "svids.bundle") }
            try bundles.add(x509: svid.bundle, of: parsed.id.trustDomain)
            svids.append(parsed)
        }
        try bundles.add(x509: message.federatedBundles, field: "federated_bundles")
        self.init(svids: svids, bundles: bundles.bundles, revocationListsDER: message.crl.map { Array($0) })
    }
}

extension SPIFFE.X509SVID {
    fileprivate init(_ message: WorkloadAPIProtos.X509SVID) throws(WorkloadAPIMessageError) {
        guard !message.spiffeID.isEmpty else { throw .missing(field: "svids.spiffe_id") }
        guard !message.x509Svid.isEmpty else { throw .missing(field: "svids.x509_svid") }
        guard !message.x509SvidKey.isEmpty else { throw .missing(field: "svids.x509_svid_key") }
        let id = try SPIFFEID(parsing: message.spiffeID, field: "svids.spiffe_id")
        do {
            try self.init(
                certificatesDER: Array(message.x509Svid), privateKeyPKCS8DER: Array(message.x509SvidKey),
                hint: message.hint)
        } catch {
            throw .malformedX509SVID(id, error)
        }
        guard self.id == id else { throw .spiffeIDMismatch(named: id, proved: self.id) }
    }
}

extension SPIFFEID {
    init(parsing text: String, field: String) throws(WorkloadAPIMessageError) {
        do { try self.init(parsing: text) } catch { throw .malformedID(field: field, error) }
    }
}

/// The SVIDs without those whose hint an earlier one has (SPIFFE Workload API §5.2.1): the first wins.
///
/// Empty hints are no hints.
func firstOfEachHint<SVID>(
    _ svids: [SVID], hint: (SVID) -> String
) throws(WorkloadAPIMessageError) -> [SVID] {
    var hints: Set<String> = []
    var first: [SVID] = []
    for svid in svids {
        let hint = hint(svid)
        try limit(hint.utf8.count, to: WorkloadAPILimits.maxHintBytes, field: "svids.hint")
        if hint.isEmpty || hints.insert(hint).inserted { first.append(svid) }
    }
    return first
}

func limit(_ count: Int, to limit: Int, field: String) throws(WorkloadAPIMessageError) {
    guard count <= limit else { throw .tooMany(field: field, limit: limit) }
}
