public import JOSE
public import SPIFFE

/// What a service demands of every access token.
public struct AccessTokenRules: Hashable, Sendable {
    /// The greatest difference of clocks that may be allowed for.
    public static let maxLeeway: Duration = .seconds(60)
    /// The longest lifetime that an access token may have.
    public static let maxLifetime: Duration = .seconds(900)
    /// How far in the future an `iat` may be: what the clocks of issuer and service may be apart.
    public static let maxIssuedAhead: Duration = .seconds(60)
    /// The algorithms that are accepted unless others are named.
    public static let defaultAlgorithms: Set<SignatureAlgorithm> = [.es256, .es384, .rs256, .edDSA]

    /// The issuer, as in `iss`; compared byte by byte.
    public let issuer: String
    /// The service that validates, as in `aud`; compared byte by byte.
    public let audience: String
    /// The trust domains whose workloads the issuer speaks for.
    public let trustDomains: Set<TrustDomain>
    /// The algorithms that are accepted.
    public let algorithms: Set<SignatureAlgorithm>
    /// How far clocks may be apart for `exp` and `nbf`.
    public let leeway: Duration

    /// - Parameters:
    ///   - issuer: Not empty.
    ///   - audience: Not empty.
    ///   - trustDomains: At least one.
    ///   - algorithms: At least one. Default: ``defaultAlgorithms``.
    ///   - leeway: Default: zero; at most ``maxLeeway``.
    public init(
        issuer: String, audience: String, trustDomains: Set<TrustDomain>,
        algorithms: Set<SignatureAlgorithm> = Self.defaultAlgorithms, leeway: Duration = .zero
    ) {
        precondition(!issuer.isEmpty && !audience.isEmpty, "issuer and audience are named")
        precondition(!trustDomains.isEmpty && !algorithms.isEmpty, "trust domains and algorithms are named")
        precondition((.zero...Self.maxLeeway).contains(leeway), "the leeway is out of range")
        self.issuer = issuer
        self.audience = audience
        self.trustDomains = trustDomains
        self.algorithms = algorithms
        self.leeway = leeway
    }
}
