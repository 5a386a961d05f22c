package import SPIFFE

/// The DNS names of an X509-SVID, as ``DNSName`` has them: in lower case, each once.
///
/// A wildcard and a name it covers do not go together. The first name is also the common name of the subject.
package struct DNSNames: Sendable, Hashable {
    /// The most names one certificate has.
    package static let maxNames = 256
    /// The longest common name (RFC 5280 appendix A.1); a longer first name stands in the subject alternative names only.
    package static let maxCommonNameBytes = 64

    package static let none = DNSNames()

    package let names: [String]

    private init() {
        self.names = []
    }

    /// Checks names; they come out in lower case and in their order.
    package init(_ names: [String]) throws(DNSNamesError) {
        guard names.count <= Self.maxNames else { throw .tooMany(limit: Self.maxNames) }
        var seen: Set<String> = []
        var checked: [String] = []
        for name in names {
            let normalized: String
            do {
                normalized = try DNSName.normalized(name)
            } catch {
                throw .invalid(String(name.prefix(DNSName.maxBytes)), error)
            }
            if seen.insert(normalized).inserted { checked.append(normalized) }
        }
        if let (wildcard, name) = DNSName.overlap(in: checked) { throw .coveredByWildcard(name, wildcard: wildcard) }
        self.names = checked
    }

    /// The first name, if there is one and it is short enough for a subject.
    package var commonName: String? {
        self.names.first.flatMap { $0.utf8.count <= Self.maxCommonNameBytes ? $0 : nil }
    }
}

/// Why DNS names do not go into an X509-SVID.
package enum DNSNamesError: Error, Hashable {
    /// There are more than ``DNSNames/maxNames``.
    case tooMany(limit: Int)
    /// The name is not a host name.
    case invalid(String, DNSNameProblem)
    /// The name is covered by a wildcard among the names.
    case coveredByWildcard(String, wildcard: String)
}

extension DNSNamesError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooMany(let limit): "there are more than \(limit) DNS names"
        case .invalid(let name, let problem): "'\(name)' is not a DNS name: \(problem)"
        case .coveredByWildcard(let name, let wildcard): "the DNS name '\(name)' is covered by '\(wildcard)'"
        }
    }
}
