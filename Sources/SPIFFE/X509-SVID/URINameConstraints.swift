import SwiftASN1
import X509

/// Name constraints on URIs (RFC 5280 §4.2.1.10): a constraint with a leading dot covers the hosts below that domain, one
/// without covers exactly that host.
///
/// Constraints of other forms are not judged: they refuse a certificate that has a name of that form, and do not concern
/// one that has none.
struct URINameConstraints {
    enum Verdict {
        case permitted, notPermitted, unjudged
    }

    /// The most constraints on URIs that are judged, and the most URI names of one certificate: each is compared with
    /// each.
    static let maxConstraints = 64
    static let maxNames = 64

    /// In lower case, as ``excluded``.
    private let permitted: [[UInt8]]
    private let excluded: [[UInt8]]
    private let otherForms: Set<GeneralNameForm>
    private let isUsable: Bool

    init(_ constraints: NameConstraints) {
        let uris = { (names: [GeneralName]) -> [[UInt8]] in
            names.compactMap {
                if case .uniformResourceIdentifier(let host) = $0 { host.utf8.map(Self.lowercased) } else { nil }
            }
        }
        self.permitted = uris(constraints.permittedSubtrees)
        self.excluded = uris(constraints.excludedSubtrees)
        self.otherForms = Set((constraints.permittedSubtrees + constraints.excludedSubtrees).map(\.form))
            .subtracting([.uri])
        let all = self.permitted + self.excluded
        self.isUsable = all.count <= Self.maxConstraints && all.allSatisfy(Self.isHostOrDomain)
    }

    func verdict(on subordinate: CertificateFacts) -> Verdict {
        guard self.otherForms.isDisjoint(with: subordinate.nameForms) else { return .unjudged }
        guard !self.permitted.isEmpty || !self.excluded.isEmpty, !subordinate.uriNames.isEmpty else {
            return .permitted
        }
        guard self.isUsable, subordinate.uriNames.count <= Self.maxNames else { return .unjudged }
        return subordinate.uriNames.allSatisfy(self.permits) ? .permitted : .notPermitted
    }

    private func permits(_ uri: ArraySlice<UInt8>) -> Bool {
        guard let host = Self.host(of: uri)?.map(Self.lowercased) else { return false }
        guard !self.excluded.contains(where: { Self.constraint($0, covers: host) }) else { return false }
        return self.permitted.isEmpty || self.permitted.contains { Self.constraint($0, covers: host) }
    }

    private static func constraint(_ constraint: [UInt8], covers host: [UInt8]) -> Bool {
        guard constraint.first == UInt8(ascii: ".") else { return host == constraint }
        return host.count > constraint.count && host.suffix(constraint.count).elementsEqual(constraint)
    }

    /// The host of `scheme://userinfo@host:port/…`; nil when there is none.
    private static func host(of uri: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let separator = uri.firstRange(of: "://".utf8) else { return nil }
        let end = "/?#".utf8
        var authority = uri[separator.upperBound...].prefix { !end.contains($0) }
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) { authority = authority[(at + 1)...] }
        let host = authority.prefix { $0 != UInt8(ascii: ":") }
        return host.isEmpty || host.first == UInt8(ascii: "[") ? nil : host
    }

    /// Whether a constraint is what the standard asks for, rather than empty, a URI or an address with a port.
    private static func isHostOrDomain(_ constraint: [UInt8]) -> Bool {
        let host = constraint.first == UInt8(ascii: ".") ? constraint.dropFirst() : constraint[...]
        let foreign = "/:@[]?# ".utf8
        return !host.isEmpty && !host.contains { foreign.contains($0) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
    }
}

/// The forms of a GeneralName by their tags (RFC 5280 §4.2.1.6).
enum GeneralNameForm: UInt {
    case otherName, rfc822Name, dnsName, x400Address, directoryName, ediPartyName, uri, ipAddress, registeredID

    /// The form of a name in a certificate.
    init?(_ identifier: ASN1Identifier) {
        guard identifier.tagClass == .contextSpecific else { return nil }
        self.init(rawValue: identifier.tagNumber)
    }
}

extension GeneralName {
    fileprivate var form: GeneralNameForm {
        switch self {
        case .otherName: .otherName
        case .rfc822Name: .rfc822Name
        case .dnsName: .dnsName
        case .x400Address: .x400Address
        case .directoryName: .directoryName
        case .ediPartyName: .ediPartyName
        case .uniformResourceIdentifier: .uri
        case .ipAddress: .ipAddress
        case .registeredID: .registeredID
        }
    }
}
