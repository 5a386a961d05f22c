public import SPIFFE

/// Many SPIFFE IDs of one trust domain, told by the segments of their paths: `spiffe://example.org/ns/*/sa/web`.
///
/// A segment `*` stands for any one segment, and `**`, at the end only, for one or more. Wildcards stand for whole
/// segments: `/orders` never fits `/orders-test`. The trust domain is named in full, as a path means only what its own
/// trust domain says it means (SPIFFE-ID §2.2).
public struct SPIFFEIDPattern: Hashable, Sendable {
    private enum Segment: Hashable {
        case exactly(Substring)
        case any
    }

    public let trustDomain: TrustDomain
    private let segments: [Segment]
    /// Whether more segments follow, one at least.
    private let goesOn: Bool

    /// Parses a pattern, which has at least one segment.
    ///
    /// - Throws: ``SPIFFEIDPatternError``.
    public init(parsing pattern: String) throws(SPIFFEIDPatternError) {
        // No wildcard can be mistaken for a part of an ID, which never has an asterisk.
        let id: SPIFFEID
        do {
            id = try SPIFFEID(parsing: pattern.utf8.map { $0 == UInt8(ascii: "*") ? UInt8(ascii: "x") : $0 })
        } catch {
            throw .malformedID(error)
        }
        guard !id.path.isEmpty else { throw .noPath }
        // The name has no wildcard: it stands in the pattern as it is.
        let path = pattern.utf8.dropFirst(pattern.utf8.count - id.path.utf8.count)
        guard !pattern.utf8.dropLast(path.count).contains(UInt8(ascii: "*")) else { throw .wildcardTrustDomain }
        self.trustDomain = id.trustDomain

        var names = Substring(path).split(separator: "/")
        self.goesOn = names.last == "**"
        if self.goesOn { names.removeLast() }
        var segments: [Segment] = []
        for name in names {
            guard name != "**" else { throw .doubleWildcardBeforeEnd }
            guard name == "*" || !name.contains("*") else { throw .partOfSegment(String(name)) }
            segments.append(name == "*" ? .any : .exactly(name))
        }
        self.segments = segments
    }

    /// Whether an ID is one of those the pattern stands for.
    public func matches(_ id: SPIFFEID) -> Bool {
        guard id.trustDomain == self.trustDomain else { return false }
        let names = id.path.split(separator: "/")
        guard self.goesOn ? names.count > self.segments.count : names.count == self.segments.count else { return false }
        return zip(self.segments, names).allSatisfy { segment, name in
            switch segment {
            case .any: true
            case .exactly(let expected): expected == name
            }
        }
    }
}

/// Why text is no pattern of SPIFFE IDs.
@nonexhaustive
public enum SPIFFEIDPatternError: Error, Hashable {
    /// It is no SPIFFE ID even with a name in place of each wildcard.
    case malformedID(SPIFFEIDError)
    /// There is no path: a whole trust domain is ``PeerPolicy/memberOf(_:)``.
    case noPath
    /// The trust domain has a wildcard.
    case wildcardTrustDomain
    /// A wildcard stands for a part of this segment.
    case partOfSegment(String)
    /// A `**` is not the last segment.
    case doubleWildcardBeforeEnd
}

extension SPIFFEIDPatternError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformedID(let error): "it would be no SPIFFE ID: \(error)"
        case .noPath: "it has no path"
        case .wildcardTrustDomain: "the trust domain has a wildcard"
        case .partOfSegment(let segment): "the segment '\(segment)' has a wildcard for a part of it"
        case .doubleWildcardBeforeEnd: "** is not its last segment"
        }
    }
}
