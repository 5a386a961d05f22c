/// What a proof of possession is good for: one target, and the tokens that go along in the request.
///
/// Client and server each make it from the request itself; a proof is accepted when both made the same.
public struct WorkloadProofScope: Hashable, Sendable {
    /// The most tokens beside the ones that have a claim of their own.
    public static let maxOtherTokens = 16

    /// The target URI of the request without query and fragment: the `aud` of the proof.
    public let target: String
    /// The access token in the request; its hash is the `ath` of the proof.
    public let accessToken: String?
    /// The transaction token in the request; its hash is the `tth` of the proof.
    public let transactionToken: String?
    /// Other tokens by their names; their hashes are in the `oth` of the proof.
    public let otherTokens: [String: String]

    /// Makes a scope; a token that is not named here must not decide anything about the request.
    ///
    /// - Parameters:
    ///   - target: The `https` URI of the request; query and fragment are taken off.
    ///   - accessToken: The access token in the request, if any.
    ///   - transactionToken: The transaction token in the request, if any.
    ///   - otherTokens: Other tokens in the request by their names.
    /// - Throws: ``WITPresentationError``; `.insecureTarget` for every other scheme (WIT-SVID §7).
    public init(
        target: String, accessToken: String? = nil, transactionToken: String? = nil, otherTokens: [String: String] = [:]
    ) throws(WITPresentationError) {
        let scheme = "https://"
        guard target.utf8.count > scheme.utf8.count, target.prefix(scheme.count).lowercased() == scheme else {
            throw .insecureTarget
        }
        guard otherTokens.count <= Self.maxOtherTokens else { throw .tooManyTokens(limit: Self.maxOtherTokens) }
        let end = target.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
        self.target = String(target[..<(end ?? target.endIndex)])
        self.accessToken = accessToken
        self.transactionToken = transactionToken
        self.otherTokens = otherTokens
    }

    /// Makes the scope of a request by the values of its fields, as each side has them.
    ///
    /// A field that comes twice is one with a comma (RFC 9110 §5.2), which is no token.
    ///
    /// - Parameters:
    ///   - target: The `https` URI of the request.
    ///   - authorization: Those of `Authorization`; what is no bearer token there is not covered.
    ///   - transactionTokens: Those of ``WITPresentation/transactionTokenField``.
    package init(
        target: String, authorization: [String], transactionTokens: [String]
    ) throws(WITPresentationError) {
        try self.init(
            target: target, accessToken: try? BearerToken.token(authorization: authorization),
            transactionToken: transactionTokens.isEmpty ? nil : transactionTokens.joined(separator: ","))
    }
}

// The tokens in it are credentials.
extension WorkloadProofScope: CustomStringConvertible, CustomReflectable {
    public var description: String { "WorkloadProofScope(\(self.target))" }
    public var customMirror: Mirror { Mirror(self, children: ["target": self.target]) }
}
