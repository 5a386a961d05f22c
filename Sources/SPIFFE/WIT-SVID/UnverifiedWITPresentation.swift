public import FoundationEssentials

/// What a request brought in the fields of a ``WITPresentation``; nothing in it can be relied on before it is validated.
public struct UnverifiedWITPresentation: Sendable {
    private let identityToken: String
    private let proofToken: String?
    private let authorization: [String]
    private let transactionTokens: [String]

    /// Takes the values of the fields of a request; nil when it brings no WIT-SVID.
    ///
    /// A field that comes twice is one with a comma (RFC 9110 §5.2), which is no token.
    ///
    /// - Parameters:
    ///   - identityTokens: Those of ``WITPresentation/identityTokenField``.
    ///   - proofTokens: Those of ``WITPresentation/proofTokenField``.
    ///   - authorization: Those of `Authorization`. A bearer token there must be covered by the proof.
    ///   - transactionTokens: Those of ``WITPresentation/transactionTokenField``; a token there must be covered, too.
    public init?(
        identityTokens: [String], proofTokens: [String], authorization: [String] = [], transactionTokens: [String] = []
    ) {
        guard !identityTokens.isEmpty else { return nil }
        self.identityToken = identityTokens.joined(separator: ",")
        self.proofToken = proofTokens.isEmpty ? nil : proofTokens.joined(separator: ",")
        self.authorization = authorization
        self.transactionTokens = transactionTokens
    }

    /// Validates both, for the request that brought them.
    ///
    /// - Parameters:
    ///   - target: The `https` URI of the request as the service knows it: its own origin, configured, and the path.
    ///   - bundles: Whom to believe.
    ///   - now: The wall-clock time at which token and proof are judged.
    ///   - leeway: As ``VerifiedWITSVID/validate(_:proof:for:bundles:now:leeway:maxLifetime:maxProofLifetime:)`` has it.
    /// - Throws: ``WITSVIDError``; ``WITPresentationError`` for a target that is not of `https`.
    public func validate(
        target: String, bundles: TrustBundles, now: Date, leeway: Duration = .zero
    ) throws -> VerifiedWITSVID {
        let scope = try WorkloadProofScope(
            target: target, authorization: self.authorization, transactionTokens: self.transactionTokens)
        return try VerifiedWITSVID.validate(
            self.identityToken, proof: self.proofToken, for: scope, bundles: bundles, now: now, leeway: leeway)
    }
}

// Tokens are credentials.
extension UnverifiedWITPresentation: CustomStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
