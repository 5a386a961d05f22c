package import FoundationEssentials
package import SPIFFE
package import WorkloadAPIProtos

extension SPIFFE.JWTSVID {
    /// Reads a response of FetchJWTSVID (SPIFFE Workload API §6.2.1).
    package static func parse(
        _ message: JWTSVIDResponse, requestedAudience: [String], requestedID: SPIFFEID?, now: Date
    ) throws(WorkloadAPIMessageError) -> [SPIFFE.JWTSVID] {
        guard !message.svids.isEmpty else { throw .missing(field: "svids") }
        try limit(message.svids.count, to: WorkloadAPILimits.maxSVIDs, field: "svids")
        var svids: [SPIFFE.JWTSVID] = []
        for svid in try firstOfEachHint(message.svids, hint: \.hint) {
            let parsed = try SPIFFE.JWTSVID(svid)
            if let requestedID, parsed.id != requestedID { throw .unexpectedSPIFFEID(parsed.id) }
            guard Set(requestedAudience).isSubset(of: parsed.audience) else { throw .audienceMismatch(parsed.id) }
            guard now < parsed.expiresAt else { throw .malformedJWTSVID(parsed.id, .expired(parsed.expiresAt)) }
            svids.append(parsed)
        }
        return svids
    }

    private init(_ message: WorkloadAPIProtos.JWTSVID) throws(WorkloadAPIMessageError) {
        guard !message.spiffeID.isEmpty else { throw .missing(field: "svids.spiffe_id") }
        guard !message.svid.isEmpty else { throw .missing(field: "svids.svid") }
        let id = try SPIFFEID(parsing: message.spiffeID, field: "svids.spiffe_id")
        do {
            try self.init(receivedFromWorkloadAPI: message.svid, hint: message.hint)
        } catch {
            throw .malformedJWTSVID(id, error)
        }
        guard self.id == id else { throw .spiffeIDMismatch(named: id, proved: self.id) }
    }
}
