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

    private struct State {
        var recent: RecentlySeen
        /// By the position that `recent` tells.
        var known: [Known] = []
    }

    private let state: Mutex<State>

    package init(maxKeptTokens: Int = JWTSVIDValidator.maxKeptTokens) {
        self.state = Mutex(State(recent: RecentlySeen(capacity: maxKeptTokens)))
    }

    /// How many tokens are kept now.
    package var keptCount: Int { self.state.withLock { $0.recent.count } }

    /// Validates a token; parameters and errors are those of ``JWTSVID/validate(_:audience:bundles:now:leeway:)``.
    ///
    /// - Returns: The JWT-SVID, and whether its signature had been checked before.
    package func validate(
        _ token: String, audience: String, bundles: TrustBundles, now: Date, leeway: Duration = .zero
    ) throws(JWTSVIDError) -> (svid: JWTSVID, isRepeated: Bool) {
        try JWTSVID.checkArguments(audience: audience, leeway: leeway)
        let key = RecentlySeen.Key(token)
        let known = self.state.withLock { state in
            state.recent.position(of: key, now: now).map { state.known[$0] }
        }
        if let known, bundles[known.svid.id.trustDomain]?.hasKey(of: known.authority) == true {
            try known.svid.check(audience: audience, now: now, leeway: leeway)
            return (known.svid, true)
        }
        let (svid, authority) = try JWTSVID.verify(token, bundles: bundles)
        try svid.check(audience: audience, now: now, leeway: leeway)
        let keptUntil = min(svid.expiresAt, now.addingTimeInterval(Self.keptFor / .seconds(1)))
        self.state.withLock { state in
            let position = state.recent.insert(key, keptUntil: keptUntil)
            let known = Known(svid: svid, authority: authority)
            if position < state.known.count { state.known[position] = known } else { state.known.append(known) }
        }
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
