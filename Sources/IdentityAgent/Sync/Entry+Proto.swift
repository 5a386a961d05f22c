import ControlPlaneProtos
import FoundationEssentials
import Registration
import SPIFFE

/// Why an entry of the server is not served.
enum EntryReplyError: Error, Hashable, CustomStringConvertible {
    case noID
    case spiffeID(SPIFFEIDError)
    case otherTrustDomain(SPIFFEID)
    case registration(RegistrationError)
    case tooManySelectors(Int)

    var description: String {
        switch self {
        case .noID: "it has no id"
        case .spiffeID(let error): "a SPIFFE ID is malformed: \(error)"
        case .otherTrustDomain(let id): "'\(id)' is of another trust domain"
        case .registration(let error): error.description
        case .tooManySelectors(let count): "it has \(count) selectors"
        }
    }
}

extension RegistrationEntry {
    /// Reads an entry of the server.
    ///
    /// What an administrator may register is the server's to decide; here only what is
    /// used must be right.
    init(_ proto: Spire_Api_Types_Entry, trustDomain: TrustDomain) throws(EntryReplyError) {
        guard !proto.id.isEmpty else { throw .noID }
        guard proto.selectors.count <= EntryDraft.maxSelectors else {
            throw .tooManySelectors(proto.selectors.count)
        }
        var selectors: [Selector] = []
        let spiffeID: SPIFFEID
        let parentID: SPIFFEID
        do {
            spiffeID = try SPIFFEID(proto.spiffeID)
            parentID = try SPIFFEID(proto.parentID)
        } catch {
            throw .spiffeID(error)
        }
        guard spiffeID.trustDomain == trustDomain else { throw .otherTrustDomain(spiffeID) }
        do {
            for selector in proto.selectors {
                selectors.append(try Selector(type: selector.type, value: selector.value))
            }
        } catch {
            throw .registration(error)
        }
        self.init(
            id: proto.id,
            content: EntryContent(
                spiffeID: spiffeID, parentID: parentID, selectors: selectors,
                x509SVIDTTL: proto.x509SvidTtl > 0 ? .seconds(proto.x509SvidTtl) : nil,
                jwtSVIDTTL: proto.jwtSvidTtl > 0 ? .seconds(proto.jwtSvidTtl) : nil,
                // A trust domain that cannot be is one without a bundle.
                federatesWith: proto.federatesWith.compactMap { try? TrustDomain(nameOrID: $0) },
                admin: proto.admin, downstream: proto.downstream,
                expiresAt: proto.expiresAt > 0 ? Date(seconds: proto.expiresAt) : nil, dnsNames: proto.dnsNames,
                storeSVID: proto.storeSvid, hint: proto.hint,
                disableX509SVIDPrefetch: proto.additionalAttributes.disableX509SvidPrefetch,
                jwtSVIDIncludeJTI: proto.additionalAttributes.jwtSvidIncludeJti),
            revision: proto.revisionNumber, createdAt: Date(seconds: proto.createdAt))
    }
}

extension SPIFFEID {
    /// Reads an ID from its two parts on the wire.
    init(_ proto: Spire_Api_Types_SPIFFEID) throws(SPIFFEIDError) {
        try self.init(trustDomain: TrustDomain(parsing: proto.trustDomain), path: proto.path)
    }
}

extension Date {
    /// Seconds since the epoch as the wire has them, brought into the range that dates are shown in.
    init(seconds: Int64) {
        self.init(timeIntervalSince1970: Double(min(max(seconds, 0), EntryDraft.maxExpirySeconds)))
    }
}
