import ControlPlaneProtos
import FoundationEssentials
import Registration
import SPIFFE
import SwiftProtobuf

extension RegistrationEntry {
    /// The entry as SPIRE's API has it.
    ///
    /// - Parameter mask: The fields to fill besides the ID; nil fills all.
    func proto(_ mask: Spire_Api_Types_EntryMask? = nil) -> Spire_Api_Types_Entry {
        .with {
            $0.id = self.id
            if mask?.spiffeID ?? true { $0.spiffeID = self.spiffeID.proto }
            if mask?.parentID ?? true { $0.parentID = self.parentID.proto }
            if mask?.selectors ?? true { $0.selectors = self.selectors.map(\.proto) }
            if mask?.x509SvidTtl ?? true { $0.x509SvidTtl = self.x509SVIDTTL?.wireSeconds ?? 0 }
            if mask?.jwtSvidTtl ?? true { $0.jwtSvidTtl = self.jwtSVIDTTL?.wireSeconds ?? 0 }
            if mask?.federatesWith ?? true { $0.federatesWith = self.federatesWith.map(\.name) }
            if mask?.admin ?? true { $0.admin = self.admin }
            if mask?.downstream ?? true { $0.downstream = self.downstream }
            if mask?.expiresAt ?? true { $0.expiresAt = self.expiresAt?.secondsSinceEpoch ?? 0 }
            if mask?.dnsNames ?? true { $0.dnsNames = self.dnsNames }
            if mask?.revisionNumber ?? true { $0.revisionNumber = self.revision }
            if mask?.storeSvid ?? true { $0.storeSvid = self.storeSVID }
            if mask?.hint ?? true { $0.hint = self.hint }
            if mask?.createdAt ?? true { $0.createdAt = self.createdAt.secondsSinceEpoch }
            if mask?.additionalAttributes ?? true, self.disableX509SVIDPrefetch || self.jwtSVIDIncludeJTI {
                $0.additionalAttributes.disableX509SvidPrefetch = self.disableX509SVIDPrefetch
                $0.additionalAttributes.jwtSvidIncludeJti = self.jwtSVIDIncludeJTI
            }
        }
    }
}

extension EntryDraft {
    /// What a request says about an entry, nothing of it checked.
    init(_ proto: Spire_Api_Types_Entry) {
        self.init()
        self.id = proto.id
        self.spiffeID = proto.hasSpiffeID ? ID(proto.spiffeID) : nil
        self.parentID = proto.hasParentID ? ID(proto.parentID) : nil
        self.selectors = proto.selectors.map { Selector(type: $0.type, value: $0.value) }
        self.x509SVIDTTLSeconds = Int64(proto.x509SvidTtl)
        self.jwtSVIDTTLSeconds = Int64(proto.jwtSvidTtl)
        self.federatesWith = proto.federatesWith
        self.admin = proto.admin
        self.downstream = proto.downstream
        self.expiresAtSeconds = proto.expiresAt
        self.dnsNames = proto.dnsNames
        self.storeSVID = proto.storeSvid
        self.hint = proto.hint
        self.disableX509SVIDPrefetch = proto.additionalAttributes.disableX509SvidPrefetch
        self.jwtSVIDIncludeJTI = proto.additionalAttributes.jwtSvidIncludeJti
    }
}

extension EntryDraft.ID {
    fileprivate init(_ proto: Spire_Api_Types_SPIFFEID) {
        self.init(trustDomain: proto.trustDomain, path: proto.path)
    }
}

extension Set<EntryField> {
    /// The fields that a mask names and an update may change.
    init(_ mask: Spire_Api_Types_EntryMask) {
        self = []
        if mask.spiffeID { self.insert(.spiffeID) }
        if mask.parentID { self.insert(.parentID) }
        if mask.selectors { self.insert(.selectors) }
        if mask.x509SvidTtl { self.insert(.x509SVIDTTL) }
        if mask.jwtSvidTtl { self.insert(.jwtSVIDTTL) }
        if mask.federatesWith { self.insert(.federatesWith) }
        if mask.admin { self.insert(.admin) }
        if mask.downstream { self.insert(.downstream) }
        if mask.expiresAt { self.insert(.expiresAt) }
        if mask.dnsNames { self.insert(.dnsNames) }
        if mask.storeSvid { self.insert(.storeSVID) }
        if mask.hint { self.insert(.hint) }
        if mask.additionalAttributes { self.insert(.additionalAttributes) }
    }
}
