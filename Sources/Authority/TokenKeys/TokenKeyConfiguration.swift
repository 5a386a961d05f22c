package import KeyManagement

/// How the keys of access tokens are made.
package struct TokenKeyConfiguration: Sendable, Hashable {
    /// The lifetimes a key may have: 90 minutes, so that a sixth of it is the longest token's, to 100 years.
    package static let lifetimes: ClosedRange<Duration> = .seconds(5_400) ... .seconds(36_525 * 86_400)

    /// ES256 for `ec-p256`, ES384 for `ec-p384`, RS256 for RSA, EdDSA for `ed25519`.
    package let keyType: KeyType
    /// From half the life of the key before; a key is published before that, and used from a third of it on; whole
    /// seconds.
    package let lifetime: Duration

    /// - Parameters:
    ///   - keyType: EC on P-256 by default.
    ///   - lifetime: 24 hours by default.
    package init(keyType: KeyType = .ecP256, lifetime: Duration = .seconds(86_400)) throws(TokenKeyError) {
        guard Self.lifetimes.contains(lifetime), lifetime.isWholeSeconds else { throw .lifetime(lifetime) }
        self.keyType = keyType
        self.lifetime = lifetime
    }
}

/// Why keys of access tokens are not in order.
package enum TokenKeyError: Error, Hashable, Sendable {
    /// A lifetime is outside of ``TokenKeyConfiguration/lifetimes``, or not in whole seconds.
    case lifetime(Duration)
    /// The records of the store are of an unknown form, or contradict themselves.
    case records(String)
    /// There is no key to sign with.
    case noKey
    /// No key in force has this `kid`.
    case unknownKeyID
}

extension TokenKeyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .lifetime(let lifetime):
            "\(lifetime.components.seconds) s is not a lifetime of a token key: it has whole seconds from "
                + "\(TokenKeyConfiguration.lifetimes.lowerBound.components.seconds) on"
        case .records(let reason): "the records of the token keys are unusable: \(reason)"
        case .noKey: "there is no key to sign access tokens with"
        case .unknownKeyID: "no key of access tokens has this kid"
        }
    }
}
