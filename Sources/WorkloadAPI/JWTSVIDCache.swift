import FoundationEssentials
import SPIFFE

/// JWT-SVIDs by what was asked for: a value, judged at the time it is told.
///
/// A token is fresh until half of its life has passed, and usable until it expires.
struct JWTSVIDCache: Sendable {
    /// What a token was asked for.
    ///
    /// The order of the audience does not matter.
    struct Key: Hashable, Sendable {
        let audience: Set<String>
        let selection: SVIDSelection
    }

    private struct Item {
        let svid: JWTSVID
        let freshUntil: Date
        /// Whether it was handed out because there was no newer one.
        var isFailing = false
    }

    /// The most tokens that are kept; the one that expires first makes room.
    static let maxItems = 1_000

    private var items: [Key: Item] = [:]
    /// How often everything was withdrawn: what was asked for before is not kept after.
    private(set) var era = 0

    /// A token in the first half of its life.
    func fresh(_ key: Key, now: Date) -> JWTSVID? {
        guard let item = self.items[key], now < item.freshUntil else { return nil }
        return item.svid
    }

    /// A token that has not expired, for want of a newer one.
    mutating func usableAfterFailure(_ key: Key, now: Date) -> JWTSVID? {
        guard let item = self.items[key], now < item.svid.expiresAt else { return nil }
        self.items[key]?.isFailing = true
        return item.svid
    }

    /// Whether a token is in use for want of a newer one.
    func hasFailing(now: Date) -> Bool {
        self.items.values.contains { $0.isFailing && now < $0.svid.expiresAt }
    }

    mutating func insert(_ svid: JWTSVID, for key: Key, askedIn era: Int, now: Date) {
        let life = svid.expiresAt.timeIntervalSince(svid.issuedAt ?? now)
        guard life > 0, era == self.era else { return }
        if self.items.count >= Self.maxItems, self.items[key] == nil,
            let first = self.items.min(by: { $0.value.svid.expiresAt < $1.value.svid.expiresAt })
        {
            self.items[first.key] = nil
        }
        self.items[key] = Item(svid: svid, freshUntil: svid.expiresAt.addingTimeInterval(-life / 2))
    }

    mutating func remove(_ key: Key) {
        self.items[key] = nil
    }

    /// Drops everything, and what is on its way.
    mutating func removeAll() {
        self.items = [:]
        self.era += 1
    }
}
