package import FoundationEssentials
package import Registration
package import SPIFFE

/// A JWT-SVID that was issued to a workload of this machine.
package struct IssuedJWTSVID: Sendable {
    /// Secret.
    package let token: String
    /// The authority that signed it.
    package let keyID: String?
    package let expiresAt: Date
    /// When it was received, or the earlier moment it says it was issued at: a clock that shows less was set back.
    package let since: Date
    /// Half of its life: from then on it is replaced.
    package let renewAt: Date

    package init(token: String, keyID: String?, expiresAt: Date, since: Date, renewAt: Date) {
        self.token = token
        self.keyID = keyID
        self.expiresAt = expiresAt
        self.since = since
        self.renewAt = renewAt
    }

    /// Whether it is as good as a new one: not half way to its end, and not of a time that has yet to come.
    package func isFresh(now: Date) -> Bool {
        self.since <= now && now < self.renewAt
    }
}

extension IssuedJWTSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "IssuedJWTSVID(expiresAt: \(self.expiresAt), token: <redacted>)" }
    package var customMirror: Mirror { Mirror(self, children: ["expiresAt": self.expiresAt]) }
}

/// What a JWT-SVID was issued for.
///
/// Another revision of the entry, another entry that was given its ID, or another set of audiences, is another token.
package struct JWTSVIDKey: Hashable, Sendable {
    package let entryID: String
    package let revision: Int64
    package let createdAt: Date
    package let spiffeID: SPIFFEID
    /// Sorted, each once.
    package let audience: [String]

    package init(entry: RegistrationEntry, audience: some Sequence<String>) {
        self.entryID = entry.id
        self.revision = entry.revision
        self.createdAt = entry.createdAt
        self.spiffeID = entry.spiffeID
        self.audience = Set(audience).sorted()
    }
}

/// JWT-SVIDs by what they were issued for, the most recently used ones.
///
/// Pure: time is passed in.
package struct JWTSVIDStore: Sendable {
    private struct Slot: Sendable {
        let svid: IssuedJWTSVID
        var lastUse: UInt64
    }

    package let limit: Int
    private var slots: [JWTSVIDKey: Slot] = [:]
    private var uses: UInt64 = 0

    package init(limit: Int) {
        self.limit = limit
    }

    package var count: Int { self.slots.count }

    /// The token for a key, if it has not expired.
    package mutating func use(_ key: JWTSVIDKey, now: Date) -> IssuedJWTSVID? {
        guard let slot = self.slots[key] else { return nil }
        guard now < slot.svid.expiresAt else {
            self.slots[key] = nil
            return nil
        }
        self.uses += 1
        self.slots[key]?.lastUse = self.uses
        return slot.svid
    }

    /// Keeps a token; the one that was not used for the longest time makes room.
    package mutating func insert(_ svid: IssuedJWTSVID, for key: JWTSVIDKey) {
        self.uses += 1
        if self.slots[key] == nil, self.slots.count >= self.limit,
            let oldest = self.slots.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            self.slots[oldest] = nil
        }
        self.slots[key] = Slot(svid: svid, lastUse: self.uses)
    }

    package mutating func remove(_ key: JWTSVIDKey) {
        self.slots[key] = nil
    }
}
