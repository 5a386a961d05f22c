import AccessTokens
import FoundationEssentials
import JOSE

/// Tokens that were validated before, by the hash of the whole token; the least recently used makes room.
///
/// It knows nothing of validity: what comes out is judged again by whoever takes it.
struct ValidatedTokens {
    private var recent: RecentlySeen
    /// By the position that `recent` tells.
    private var tokens: [AccessToken] = []

    init(capacity: Int) {
        self.recent = RecentlySeen(capacity: capacity)
    }

    var count: Int { self.recent.count }

    /// The token of a key, which becomes the most recently used; nil when it is not there, or kept for too long.
    mutating func find(_ key: RecentlySeen.Key, now: Date) -> AccessToken? {
        self.recent.position(of: key, now: now).map { self.tokens[$0] }
    }

    /// Keeps a token; when there is no room, the least recently used goes.
    mutating func insert(_ token: AccessToken, for key: RecentlySeen.Key, keptUntil: Date) {
        let position = self.recent.insert(key, keptUntil: keptUntil)
        if position < self.tokens.count { self.tokens[position] = token } else { self.tokens.append(token) }
    }
}
