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

    private let permitted: [String]
    private let excluded: [String]
    private let otherForms: [GeneralName]
    private let hasUnusableConstraint: Bool

    init(_ constraints: NameConstraints) {
        let uris = { (names: [GeneralName]) -> [String] in
            names.compactMap { if case .uniformResourceIdentifier(let host) = $0 { host } else { nil } }
        }
        self.permitted = uris(constraints.permittedSubtrees)
        self.excluded = uris(constraints.excludedSubtrees)
        self.otherForms = (constraints.permittedSubtrees + constraints.excludedSubtrees).filter {
            if case .uniformResourceIdentifier = $0 { false } else { true }
        }
        self.hasUnusableConstraint = (self.permitted + self.excluded).contains { !Self.isHostOrDomain($0) }
    }

    func verdict(onURINames uris: [ArraySlice<UInt8>], of certificate: Certificate) -> Verdict {
        if !self.otherForms.isEmpty, self.otherForms.contains(where: { Self.certificate(certificate, mayHave: $0) }) {
            return .unjudged
        }
        guard !self.permitted.isEmpty || !self.excluded.isEmpty else { return .permitted }
        for uri in uris {
            if self.hasUnusableConstraint { return .unjudged }
            guard let host = Self.host(of: uri) else { return .notPermitted }
            if self.excluded.contains(where: { Self.constraint($0, covers: host) }) { return .notPermitted }
            if !self.permitted.isEmpty, !self.permitted.contains(where: { Self.constraint($0, covers: host) }) {
                return .notPermitted
            }
        }
        return .permitted
    }

    private static func constraint(_ constraint: String, covers host: ArraySlice<UInt8>) -> Bool {
        let constraint = constraint.utf8.map(self.lowercased)
        let host = host.map(self.lowercased)
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
    private static func isHostOrDomain(_ constraint: String) -> Bool {
        let host = constraint.utf8.first == UInt8(ascii: ".") ? constraint.utf8.dropFirst() : constraint.utf8[...]
        let foreign = "/:@[]?# ".utf8
        return !host.isEmpty && !host.contains { foreign.contains($0) }
    }

    /// Whether a certificate has a name that a constraint of another form than URI is about.
    private static func certificate(_ certificate: Certificate, mayHave form: GeneralName) -> Bool {
        if case .directoryName = form { return !certificate.subject.isEmpty }
        // A SAN that cannot be read has been refused before; were it not, it might hold anything.
        guard let names = try? certificate.extensions.subjectAlternativeNames else {
            return certificate.extensions[oid: .X509ExtensionID.subjectAlternativeName] != nil
        }
        if case .rfc822Name = form, !certificate.subject.isEmpty {
            // A subject may hold an e-mail address, to which the constraint would apply.
            return true
        }
        return names.contains { self.isSameForm($0, form) }
    }

    private static func isSameForm(_ name: GeneralName, _ form: GeneralName) -> Bool {
        switch (name, form) {
        case (.dnsName, .dnsName), (.rfc822Name, .rfc822Name), (.ipAddress, .ipAddress), (.otherName, .otherName),
            (.registeredID, .registeredID), (.x400Address, .x400Address), (.ediPartyName, .ediPartyName):
            true
        default: false
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
    }
}
