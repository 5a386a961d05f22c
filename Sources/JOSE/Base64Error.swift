/// Why a text is not the base64 encoding of anything.
@nonexhaustive
public enum Base64Error: Error, Hashable {
    /// The byte at `offset` is not in the alphabet. Padding where there must be none is reported as this.
    case invalidCharacter(offset: Int)
    /// No sequence of bytes has an encoding of this length, or the padding is missing.
    case invalidLength(Int)
    /// The last character has bits set that belong to no byte (RFC 4648 §3.5).
    case nonCanonicalTail
}

/// Why a text is not the base64url encoding of anything.
public typealias Base64URLError = Base64Error
