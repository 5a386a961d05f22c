/// The subject of X.509 authorities as it is configured.
package struct AuthoritySubject: Sendable, Hashable {
    /// `C=US, O=SPIFFE`.
    package static let standard = AuthoritySubject()

    /// The longest organization or common name, in characters (RFC 5280 appendix A.1).
    package static let maxNameLength = 64

    /// Two letters; nil leaves it out.
    package let country: String?
    package let organization: String?
    package let commonName: String?

    private init() {
        self.country = "US"
        self.organization = "SPIFFE"
        self.commonName = nil
    }

    /// Checks a subject.
    ///
    /// - Parameters:
    ///   - country: Two letters of ASCII.
    ///   - organization: 1 to 64 characters.
    ///   - commonName: 1 to 64 characters.
    package init(
        country: String?, organization: String?, commonName: String?
    ) throws(AuthorityConfigurationError) {
        if let country {
            let isTwoLetters = country.utf8.count == 2 && country.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) }
            guard isTwoLetters else { throw .invalidSubject(part: "country") }
        }
        for (part, name) in [("organization", organization), ("common name", commonName)] {
            guard let name else { continue }
            guard (1...Self.maxNameLength).contains(name.unicodeScalars.count) else {
                throw .invalidSubject(part: part)
            }
        }
        self.country = country
        self.organization = organization
        self.commonName = commonName
    }
}
