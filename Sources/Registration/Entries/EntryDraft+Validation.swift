import FoundationEssentials
package import SPIFFE

extension EntryDraft {
    /// The most selectors of one entry.
    package static let maxSelectors = 256
    /// The most DNS names of one entry.
    package static let maxDNSNames = 256
    /// The most trust domains one entry federates with.
    package static let maxFederatesWith = 256
    /// The longest hint, in bytes of UTF-8.
    package static let maxHintBytes = 1024
    /// The longest entry id, in bytes.
    package static let maxIDBytes = 255
    /// The longest time to live that the wire can carry, in seconds.
    package static let maxTTLSeconds = Int64(Int32.max)
    /// The last second of the year 9999, the last that certificates can carry.
    package static let maxExpirySeconds: Int64 = 253_402_300_799
    /// Ids with these beginnings, in any case of letters, are the server's own.
    package static let reservedIDPrefixes = ["signet-"]

    /// Checks every field of the content and returns it typed.
    ///
    /// The SPIFFE ID and the parent must lie in `trustDomain` and have a path; the SPIFFE ID must not lie under `/spire`.
    ///
    /// - Parameters:
    ///   - trustDomain: The trust domain that the server serves.
    ///   - known: The trust domains of which the server has a bundle; `federates_with` may name only these.
    /// - Throws: the first thing that is wrong, which names its field.
    package func validated(
        trustDomain: TrustDomain, bundles known: Set<TrustDomain>
    ) throws(RegistrationError) -> EntryContent {
        let spiffeID = try Self.member(self.spiffeID, .spiffeID, of: trustDomain)
        if spiffeID.isReserved { throw .reservedPath(.spiffeID, spiffeID) }
        let parentID = try Self.member(self.parentID, .parentID, of: trustDomain)
        if self.downstream { throw .downstreamRefused }
        if self.storeSVID, self.disableX509SVIDPrefetch { throw .storedAndNotPrefetched }
        try Self.checkText(self.hint, .hint, limit: Self.maxHintBytes)
        return EntryContent(
            spiffeID: spiffeID, parentID: parentID, selectors: try self.validatedSelectors(),
            x509SVIDTTL: try Self.ttl(self.x509SVIDTTLSeconds, .x509SVIDTTL),
            jwtSVIDTTL: try Self.ttl(self.jwtSVIDTTLSeconds, .jwtSVIDTTL),
            federatesWith: try self.validatedFederatesWith(trustDomain: trustDomain, known: known),
            admin: self.admin, expiresAt: try self.validatedExpiry(), dnsNames: try self.validatedDNSNames(),
            storeSVID: self.storeSVID, hint: self.hint, disableX509SVIDPrefetch: self.disableX509SVIDPrefetch,
            jwtSVIDIncludeJTI: self.jwtSVIDIncludeJTI)
    }

    /// The id that the request asks for, or `nil` when it leaves the choice to the server.
    package func validatedID() throws(RegistrationError) -> String? {
        if self.id.isEmpty { return nil }
        try Self.checkText(self.id, .id, limit: Self.maxIDBytes)
        guard self.id.utf8.allSatisfy(Self.isIDByte) else { throw .invalidEntryID }
        let lowered = self.id.lowercased()
        for prefix in Self.reservedIDPrefixes where lowered.hasPrefix(prefix) {
            throw .reservedEntryID(prefix: prefix)
        }
        return self.id
    }

    private func validatedSelectors() throws(RegistrationError) -> [Registration.Selector] {
        guard !self.selectors.isEmpty else { throw .missing(.selectors) }
        try Self.checkCount(self.selectors.count, .selectors, limit: Self.maxSelectors)
        var selectors: [Registration.Selector] = []
        for draft in self.selectors {
            selectors.append(try Registration.Selector(type: draft.type, value: draft.value))
        }
        if self.storeSVID, Set(selectors.map(\.type)).count > 1 { throw .mixedSelectorTypes }
        return selectors
    }

    private func validatedFederatesWith(
        trustDomain: TrustDomain, known: Set<TrustDomain>
    ) throws(RegistrationError) -> [TrustDomain] {
        try Self.checkCount(self.federatesWith.count, .federatesWith, limit: Self.maxFederatesWith)
        var others: [TrustDomain] = []
        for text in self.federatesWith {
            let other: TrustDomain
            do {
                other = try TrustDomain(nameOrID: text)
            } catch {
                throw .invalidTrustDomain(error)
            }
            if other == trustDomain { throw .federatesWithItself(other) }
            guard known.contains(other) else { throw .bundleUnknown(other) }
            others.append(other)
        }
        return others
    }

    private func validatedDNSNames() throws(RegistrationError) -> [String] {
        try Self.checkCount(self.dnsNames.count, .dnsNames, limit: Self.maxDNSNames)
        var names: [String] = []
        for name in self.dnsNames {
            do {
                let normalized = try DNSName.normalized(name)
                if !names.contains(normalized) { names.append(normalized) }
            } catch {
                throw .invalidDNSName(String(name.prefix(DNSName.maxBytes)), error)
            }
        }
        if let (wildcard, name) = DNSName.overlap(in: names) {
            throw .overlappingDNSNames(wildcard: wildcard, name: name)
        }
        return names
    }

    private func validatedExpiry() throws(RegistrationError) -> Date? {
        guard (0...Self.maxExpirySeconds).contains(self.expiresAtSeconds) else {
            throw .expiryOutOfRange(seconds: self.expiresAtSeconds)
        }
        return self.expiresAtSeconds == 0 ? nil : Date(timeIntervalSince1970: Double(self.expiresAtSeconds))
    }

    private static func member(
        _ draft: ID?, _ field: EntryField, of trustDomain: TrustDomain
    ) throws(RegistrationError) -> SPIFFEID {
        guard let draft else { throw .missing(field) }
        let id: SPIFFEID
        do {
            id = try SPIFFEID(trustDomain: TrustDomain(parsing: draft.trustDomain), path: draft.path)
        } catch {
            throw .invalidSPIFFEID(field, error)
        }
        guard id.trustDomain == trustDomain else {
            throw .foreignTrustDomain(field, id.trustDomain, served: trustDomain)
        }
        guard !id.path.isEmpty else { throw .pathMissing(field) }
        return id
    }

    private static func ttl(_ seconds: Int64, _ field: EntryField) throws(RegistrationError) -> Duration? {
        guard (0...Self.maxTTLSeconds).contains(seconds) else { throw .ttlOutOfRange(field, seconds: seconds) }
        return seconds == 0 ? nil : .seconds(seconds)
    }

    private static func checkText(_ text: String, _ field: EntryField, limit: Int) throws(RegistrationError) {
        guard text.utf8.count <= limit else { throw .tooLong(field, bytes: text.utf8.count, limit: limit) }
        guard !text.utf8.contains(0) else { throw .containsNUL(field) }
    }

    private static func checkCount(_ count: Int, _ field: EntryField, limit: Int) throws(RegistrationError) {
        guard count <= limit else { throw .tooMany(field, count: count, limit: limit) }
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
