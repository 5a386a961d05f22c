public import JOSE

/// The scopes of a request, a grant, a token or a rule: each once, ordered by their bytes.
public struct ScopeSet: Hashable, Sendable {
    /// The most scopes in a set.
    public static let maxScopes = 64
    /// The longest text of a set, in bytes.
    public static let maxTextBytes = Self.maxScopes * (Scope.maxBytes + 1) - 1

    /// The scopes, sorted, each once.
    public let scopes: [Scope]

    /// The set without scopes.
    public static let none = ScopeSet(sorted: [])

    /// Takes scopes in any order; one that comes again counts once.
    ///
    /// - Throws: `.tooMany` beyond ``maxScopes``.
    public init(_ scopes: some Sequence<Scope>) throws(ScopeError) {
        let distinct = Set(scopes)
        guard distinct.count <= Self.maxScopes else { throw .tooMany(maxScopes: Self.maxScopes) }
        self.scopes = distinct.sorted()
    }

    /// Parses scopes with one space between each two, as the `scope` of a request or a token has them (RFC 6749 §3.3).
    ///
    /// The empty text is the set without scopes.
    public init(parsing text: String) throws(ScopeError) {
        let bytes = text.utf8
        guard bytes.count <= Self.maxTextBytes else { throw .tooMany(maxScopes: Self.maxScopes) }
        guard !bytes.isEmpty else {
            self = .none
            return
        }
        let names = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        try self.init(parsing: names.map { String(Substring($0)) })
    }

    /// Parses scopes that come one by one, as in a request over gRPC or the claim `scopes`.
    public init(parsing names: [String]) throws(ScopeError) {
        guard names.count <= Self.maxScopes else { throw .tooMany(maxScopes: Self.maxScopes) }
        var scopes: [Scope] = []
        for name in names { scopes.append(try Scope(parsing: name)) }
        try self.init(scopes)
    }

    /// Takes scopes that are written in the code of a service; more than ``maxScopes`` end the program at once.
    public init(literal scopes: [Scope]) {
        do { try self.init(scopes) } catch { preconditionFailure("\(error)") }
    }

    /// Reads the scopes of a token: the string `scope` of RFC 9068 §2.2.3, or the array `scopes` that some issuers write.
    ///
    /// Where both are there they must say the same; they are never merged. A token with neither has no scopes.
    public init(claims: JSONObject) throws(ScopeError) {
        let text = try Self.fromText(claims["scope"])
        let array = try Self.fromArray(claims["scopes"])
        if let text, let array, text != array { throw .contradictoryClaims }
        self = text ?? array ?? .none
    }

    private init(sorted scopes: [Scope]) {
        self.scopes = scopes
    }

    public var isEmpty: Bool { self.scopes.isEmpty }
    public var count: Int { self.scopes.count }

    /// The scopes with one space between each two.
    public var text: String { self.names.joined(separator: " ") }

    /// The names of the scopes, sorted.
    public var names: [String] { self.scopes.map(\.name) }

    /// Whether one scope is in the set.
    public func contains(_ scope: Scope) -> Bool {
        self.scopes.contains(scope)
    }

    /// Whether every scope of `other` is in the set; true when `other` has none.
    public func isSuperset(of other: ScopeSet) -> Bool {
        other.scopes.allSatisfy(self.contains)
    }

    /// Whether some scope of `other` is in the set; false when `other` has none.
    public func intersects(_ other: ScopeSet) -> Bool {
        other.scopes.contains(where: self.contains)
    }

    /// The scopes that are in both sets.
    public func intersection(_ other: ScopeSet) -> ScopeSet {
        ScopeSet(sorted: self.scopes.filter(other.contains))
    }

    /// The scopes of this set that are not in `other`.
    public func subtracting(_ other: ScopeSet) -> ScopeSet {
        ScopeSet(sorted: self.scopes.filter { !other.contains($0) })
    }

    private static func fromText(_ claim: JSONValue?) throws(ScopeError) -> ScopeSet? {
        guard let claim else { return nil }
        guard let text = claim.string else { throw .malformedClaim("scope") }
        return try ScopeSet(parsing: text)
    }

    private static func fromArray(_ claim: JSONValue?) throws(ScopeError) -> ScopeSet? {
        guard let claim else { return nil }
        guard let names = claim.strings else { throw .malformedClaim("scopes") }
        return try ScopeSet(parsing: names)
    }
}

extension ScopeSet: CustomStringConvertible {
    public var description: String { self.text }
}
