import FoundationEssentials
package import SPIFFE
package import WorkloadAPIProtos

extension SPIFFE.WITSVID {
    /// Reads a response of FetchWITSVID (SPIFFE Workload API §7).
    ///
    /// One bad SVID spoils the whole message: half a state would not be the state.
    package static func parse(
        _ message: WITSVIDResponse, requestedID: SPIFFEID? = nil
    ) throws(WorkloadAPIMessageError) -> [SPIFFE.WITSVID] {
        guard !message.svids.isEmpty else { throw .missing(field: "svids") }
        try limit(message.svids.count, to: WorkloadAPILimits.maxSVIDs, field: "svids")
        var svids: [SPIFFE.WITSVID] = []
        for svid in try firstOfEachHint(message.svids, hint: \.hint) {
            let parsed = try SPIFFE.WITSVID(svid)
            if let requestedID, parsed.id != requestedID { throw .unexpectedSPIFFEID(parsed.id) }
            svids.append(parsed)
        }
        return svids
    }

    /// An expired SVID would take the place of one that may still be good.
    static func check(_ svids: [SPIFFE.WITSVID], now: Date) throws(WorkloadAPIMessageError) {
        for svid in svids where now >= svid.expiresAt { throw .malformedWITSVID(svid.id, .expired(svid.expiresAt)) }
    }

    private init(_ message: WorkloadAPIProtos.WITSVID) throws(WorkloadAPIMessageError) {
        guard !message.spiffeID.isEmpty else { throw .missing(field: "svids.spiffe_id") }
        guard !message.witSvid.isEmpty else { throw .missing(field: "svids.wit_svid") }
        guard !message.witSvidKey.isEmpty else { throw .missing(field: "svids.wit_svid_key") }
        let id = try SPIFFEID(parsing: message.spiffeID, field: "svids.spiffe_id")
        do {
            try self.init(
                receivedFromWorkloadAPI: message.witSvid, privateKeyJWK: message.witSvidKey, hint: message.hint)
        } catch {
            throw .malformedWITSVID(id, error)
        }
        guard self.id == id else { throw .spiffeIDMismatch(named: id, proved: self.id) }
    }
}

extension TrustBundles {
    /// Reads a response of FetchWITBundles (SPIFFE Workload API §7).
    package init(_ message: WITBundlesResponse) throws(WorkloadAPIMessageError) {
        guard !message.bundles.isEmpty else { throw .missing(field: "bundles") }
        var bundles = BundleReader()
        try bundles.add(wit: message.bundles, field: "bundles")
        self = bundles.bundles
    }
}
