package import FoundationEssentials
import JOSE
import Synchronization

/// Validates JWT-SVIDs as ``JWTSVID/validate(_:audience:bundles:now:leeway:)`` does, and keeps those that were valid.
///
/// The next time, the same token costs a hash of all its bytes instead of a signature. Time and audience are judged at
/// every call, and so is the key: a token whose authority is no longer in the bundle of its trust domain is validated
/// anew, and refused.
package final class JWTSVIDValidator: Sendable {
    /// How many tokens are kept.
    package static let maxKeptTokens = 4_096
    /// How long a token is kept without checking its signature again.
    package static let keptFor: Duration = .seconds(300)

    /// A token whose signature is valid, and whose key made it.
    private struct Known {
        let svid: JWTSVID
        let authority: JWTAuthority
    }

    private let known: Mutex<RecentlyKnown<Known>>

    package init(maxKeptTokens: Int = JWTSVIDValidator.maxKeptTokens) {
        self.known = Mutex(RecentlyKnown(capacity: maxKeptTokens))
    }

    /// How many tokens are kept now.
    package var keptCount: Int { self.known.withLock { $0.count } }

    /// Validates a token; parameters and errors are those of ``JWTSVID/validate(_:audience:bundles:now:leeway:)``.
    ///
    /// - Returns: The JWT-SVID, and whether its signature had been checked before.
    package func validate(
        _ token: String, audience: String, bundles: TrustBundles, now: Date, leeway: Duration = .zero
    ) throws(JWTSVIDError) -> (svid: JWTSVID, isRepeated: Bool) {
        try JWTSVID.checkArguments(audience: audience, leeway: leeway)
        let key = RecentlySeen.Key(token)
        if let known = self.known.withLock({ $0.value(of: key, now: now) }),
            bundles[known.svid.id.trustDomain]?.hasKey(of: known.authority) == true
        {
            try known.svid.check(audience: audience, now: now, leeway: leeway)
            return (known.svid, true)
        }
        let (svid, authority) = try JWTSVID.verify(token, bundles: bundles)
        try svid.check(audience: audience, now: now, leeway: leeway)
        let keptUntil = min(svid.expiresAt, now.addingTimeInterval(Self.keptFor / .seconds(1)))
        self.known.withLock { $0.insert(Known(svid: svid, authority: authority), for: key, keptUntil: keptUntil) }
        return (svid, false)
    }
}

extension TrustBundle {
    /// Whether this key still signs for the trust domain under this `kid`.
    ///
    /// When the authority stops signing may have become known, or another, in the meantime.
    fileprivate func hasKey(of authority: JWTAuthority) -> Bool {
        self.jwtAuthority(keyID: authority.keyID)?.publicKey == authority.publicKey
    }
}
