public import FoundationEssentials
public import JOSE

/// One's own WIT-SVID: a token that says whose key this is, and the key (WIT-SVID §3).
///
/// The token alone says nothing about who shows it, so it leaves this value only together with a proof:
/// see ``presentation(for:now:lifetime:)``.
public struct WITSVID: Sendable {
    /// The longest private key that is looked at, in bytes; RSA of 8,192 bits takes 7,000.
    public static let maxPrivateKeyBytes = 16_384

    public let id: SPIFFEID
    /// The moment from which the token is refused.
    public let expiresAt: Date
    public let issuedAt: Date?
    /// The key of the token, and the algorithm that proofs are signed with.
    public let confirmation: WITConfirmation
    /// All claims, those above included.
    public let claims: JSONObject
    /// What the one who issued the SVID says it is for; empty when there is nothing to say.
    public let hint: String
    /// The token in compact serialization; public API lets it out only with a proof.
    package let token: String
    /// The private half of ``confirmation``: a secret.
    package let privateKey: PrivateJSONWebKey

    /// Takes token and key that the Workload API returned to its own caller; the signature is not checked.
    ///
    /// Everything that does not need a bundle or a clock is, by the rules of WIT-SVID §2 and §3.
    ///
    /// - Parameters:
    ///   - token: The WIT-SVID in compact serialization.
    ///   - privateKeyJWK: One private JWK as JSON, whose public half is in the token's `cnf`.
    ///   - hint: What it is for. Default: nothing.
    /// - Throws: ``WITSVIDError``.
    public init(
        receivedFromWorkloadAPI token: String, privateKeyJWK: String, hint: String = ""
    ) throws(WITSVIDError) {
        _ = try UnverifiedWITSVID(token)
        guard let object = TokenPayload.claims(of: token) else { throw .token(.notCompact) }
        let claims = try WITSVIDClaims(object)
        let privateKey = try Self.privateKey(privateKeyJWK)
        guard privateKey.publicKey == claims.confirmation.publicKey else { throw .privateKeyMismatch }
        self.id = claims.id
        self.expiresAt = claims.expiresAt
        self.issuedAt = claims.issuedAt
        self.confirmation = claims.confirmation
        self.claims = claims.all
        self.hint = hint
        self.token = token
        self.privateKey = privateKey
    }

    private static func privateKey(_ text: String) throws(WITSVIDError) -> PrivateJSONWebKey {
        guard let object = try? JSON.parse(Array(text.utf8), maxBytes: self.maxPrivateKeyBytes).object else {
            throw .malformedPrivateKey(.missingMember("kty"))
        }
        do { return try PrivateJSONWebKey(object) } catch { throw .malformedPrivateKey(error) }
    }
}

// Neither token nor key may reach a log.
extension WITSVID: CustomStringConvertible, CustomReflectable {
    public var description: String { "WITSVID(\(self.id), token: <redacted>, key: <redacted>)" }
    public var customMirror: Mirror { Mirror(self, children: ["id": self.id, "expiresAt": self.expiresAt]) }
}
