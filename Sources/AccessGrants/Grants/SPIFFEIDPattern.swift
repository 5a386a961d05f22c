package import SPIFFE

/// Which workloads a service or a caller is: one SPIFFE ID, or all below a prefix of whole segments.
///
/// Written as a SPIFFE ID, or as one followed by `/*`: `spiffe://example.org/payments/*` is every ID with a segment after
/// `/payments`, and neither `/payments` nor `/payments2`. IDs that the control plane keeps for itself match nothing.
package enum SPIFFEIDPattern: Hashable, Sendable {
    case exactly(SPIFFEID)
    case below(SPIFFEID)

    /// Parses a pattern of the trust domain.
    ///
    /// - Throws: ``AccessRuleError`` for another trust domain, the reserved path `/spire`, an ID without a path, and a
    /// prefix that ends inside of a segment.
    package init(parsing text: String, in trustDomain: TrustDomain) throws(AccessRuleError) {
        let isPrefix = text.utf8.suffix(2).elementsEqual("/*".utf8)
        guard isPrefix || text.utf8.last != UInt8(ascii: "*") else { throw .prefixInsideSegment }
        let id: SPIFFEID
        do {
            id = try SPIFFEID(parsing: isPrefix ? text.utf8.dropLast(2) : text.utf8.dropLast(0))
        } catch {
            throw .invalidSPIFFEID(error)
        }
        guard id.trustDomain == trustDomain else { throw .foreignTrustDomain(id.trustDomain, served: trustDomain) }
        guard !id.isReserved else { throw .reservedPath(id) }
        guard isPrefix || !id.path.isEmpty else { throw .pathMissing(id) }
        self = isPrefix ? .below(id) : .exactly(id)
    }

    package func matches(_ id: SPIFFEID) -> Bool {
        guard !id.isReserved else { return false }
        return switch self {
        case .exactly(let own): own == id
        case .below(let prefix):
            prefix.trustDomain == id.trustDomain && id.path.utf8.count > prefix.path.utf8.count + 1
                && id.path.utf8.starts(with: (prefix.path + "/").utf8)
        }
    }

    /// The ID itself, or the prefix without its `/*`.
    package var root: SPIFFEID {
        switch self {
        case .exactly(let id), .below(let id): id
        }
    }

    /// Every pattern that matches an ID, the ID itself first, then from the longest prefix to the shortest.
    package static func all(matching id: SPIFFEID) -> [SPIFFEIDPattern] {
        guard !id.isReserved, !id.path.isEmpty else { return [] }
        var patterns: [SPIFFEIDPattern] = [.exactly(id)]
        var path = id.path[...]
        while let slash = path.lastIndex(of: "/") {
            path = path[..<slash]
            // A path cut at a slash is a path.
            guard let prefix = try? SPIFFEID(trustDomain: id.trustDomain, path: String(path)) else { break }
            patterns.append(.below(prefix))
        }
        return patterns
    }
}

extension SPIFFEIDPattern: CustomStringConvertible {
    /// The pattern as it is written.
    package var description: String {
        switch self {
        case .exactly(let id): id.uri
        case .below(let prefix): prefix.uri + "/*"
        }
    }
}
