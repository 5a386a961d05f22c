public import FoundationEssentials

/// What a validator has to know beside a token: the issuer's keys and the revocations, as of one moment.
public struct TokenState: Sendable {
    /// The issuer of access tokens, as in their `iss`.
    public let issuer: String
    public let keys: AccessTokenKeys
    public let revocations: RevocationState
    /// The moment as of which this was complete: everything revoked until then is in it.
    public let knownAt: Date

    public init(issuer: String, keys: AccessTokenKeys, revocations: RevocationState, knownAt: Date) {
        self.issuer = issuer
        self.keys = keys
        self.revocations = revocations
        self.knownAt = knownAt
    }

    /// How old the state is at a moment.
    ///
    /// A clock that was set back makes it look younger than new: it then says nothing, and this is nil.
    public func age(now: Date) -> Duration? {
        let seconds = now.timeIntervalSince(self.knownAt)
        guard seconds > -1, seconds < 1e12 else { return seconds > 0 ? .seconds(1_000_000_000_000) : nil }
        return .seconds(max(0, seconds))
    }
}

/// Where a validator gets its state from.
///
/// ``currentState()`` is asked at every validation and never waits.
public protocol TokenStateSource: Sendable {
    /// The newest complete state; nil before there has been one.
    func currentState() -> TokenState?

    /// Told by the validator that a token named a key which is not in the state; never waits.
    ///
    /// Whoever calls can cause it, as often as they like: a source that asks its issuer then bounds how often it does.
    func keyWasUnknown()
}

extension TokenStateSource {
    /// Does nothing, which is right where changes of the keys arrive by themselves.
    public func keyWasUnknown() {}
}
