import FoundationEssentials
import Registration
import SPIFFE

extension EntriesTable {
    static func arguments(_ entry: RegistrationEntry) -> [SQLValue] {
        [
            .text(entry.spiffeID.uri),
            .text(entry.parentID.uri),
            .text(TextList.encode(entry.selectors.lazy.map(\.description))),
            SQLValue(entry.x509SVIDTTL?.components.seconds),
            SQLValue(entry.jwtSVIDTTL?.components.seconds),
            .text(TextList.encode(entry.federatesWith.lazy.map(\.name))),
            SQLValue(entry.admin),
            SQLValue(entry.downstream),
            SQLValue(entry.expiresAt?.unixSeconds),
            .text(TextList.encode(entry.dnsNames)),
            SQLValue(entry.storeSVID),
            .text(entry.hint),
            SQLValue(entry.disableX509SVIDPrefetch),
            SQLValue(entry.jwtSVIDIncludeJTI),
            .integer(entry.revision),
            .integer(entry.createdAt.unixSeconds),
            .text(entry.id),
        ]
    }

    static func entry(_ row: any SQLRow) throws(StoreFailure) -> RegistrationEntry {
        RegistrationEntry(
            id: try row.text(16),
            content: EntryContent(
                spiffeID: try Column.spiffeID(row.text(0)),
                parentID: try Column.spiffeID(row.text(1)),
                selectors: try Column.selectors(row.text(2)),
                x509SVIDTTL: try row.optionalInteger(3).map { .seconds($0) },
                jwtSVIDTTL: try row.optionalInteger(4).map { .seconds($0) },
                federatesWith: try Column.trustDomains(row.text(5)),
                admin: try row.flag(6),
                downstream: try row.flag(7),
                expiresAt: try row.optionalInteger(8).map(Date.init(unixSeconds:)),
                dnsNames: try TextList.decode(row.text(9)),
                storeSVID: try row.flag(10),
                hint: try row.text(11),
                disableX509SVIDPrefetch: try row.flag(12),
                jwtSVIDIncludeJTI: try row.flag(13)),
            revision: try row.integer(14),
            createdAt: Date(unixSeconds: try row.integer(15)))
    }
}
