/// Why a JSON object is not a JWK.
@nonexhaustive
public enum JSONWebKeyError: Error, Hashable {
    /// The member has a value of the wrong JSON type.
    case memberType(String)
    /// The key type is known, but a member it needs is missing.
    case missingMember(String)
    /// The member is not base64url (RFC 7515 §2).
    case memberEncoding(String, Base64URLError)
    /// The members do not make a key that is accepted.
    case key(PublicKeyError)
}
