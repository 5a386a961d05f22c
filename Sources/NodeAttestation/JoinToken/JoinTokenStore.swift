package import FoundationEssentials
package import Registration
package import SPIFFE

/// Where join tokens wait for their use, as hashes.
package protocol JoinTokenStore: Sendable {
    /// Keeps a new token.
    ///
    /// An expired one of the same hash is replaced.
    ///
    /// - Throws: ``JoinTokenError/alreadyExists`` when a valid one has the same hash.
    func create(_ token: JoinTokenRecord, now: Date) async throws(JoinTokenError)

    /// The token of this hash, if it was not used; also when it has expired but was not deleted yet.
    func find(_ hash: JoinTokenHash) async throws(StoreFailure) -> JoinTokenRecord?

    /// Uses a token, in one transaction: the token is gone, the agent is there, and so is the entry of the alias that the
    /// token gives it.
    ///
    /// Of any number of concurrent callers with one token, one succeeds. An expired token is deleted. An entry similar
    /// to that of the alias that exists is left as it is.
    ///
    /// - Parameter aliasEntryID: The id of the alias's entry, if the token has an alias.
    /// - Throws: ``JoinTokenError``; nothing but an expired token has changed.
    func consume(
        token: String, agent: AttestedAgent, aliasEntryID: String, actor: Actor, now: Date
    ) async throws(JoinTokenError) -> JoinTokenUse

    /// Deletes the tokens that expired at or before `now` and returns how many there were.
    func pruneExpired(now: Date) async throws(StoreFailure) -> Int
}

/// A join token as it is kept: without the token.
package struct JoinTokenRecord: Hashable, Sendable {
    package let hash: JoinTokenHash
    /// The first instant at which the token is refused; whole seconds.
    package let expiresAt: Date
    /// The SPIFFE ID that the agent shall have besides its own.
    package let alias: SPIFFEID?

    package init(hash: JoinTokenHash, expiresAt: Date, alias: SPIFFEID? = nil) {
        self.hash = hash
        self.expiresAt = expiresAt.wholeSeconds
        self.alias = alias
    }
}

/// What the use of a join token made, beside the agent.
package struct JoinTokenUse: Hashable, Sendable {
    /// The position after it.
    package let position: ChangePosition
    /// The entry that gives the agent its alias; nil when the token has none, or there was such an entry.
    package let aliasEntry: RegistrationEntry?

    package init(position: ChangePosition, aliasEntry: RegistrationEntry?) {
        self.position = position
        self.aliasEntry = aliasEntry
    }
}

/// Why a join token was not kept or not accepted.
package enum JoinTokenError: Error, Hashable, Sendable {
    /// There is a valid token of the same value.
    case alreadyExists
    /// No such token was made, or it was used.
    case unknownOrUsed
    case expired
    /// The agent that the token would make is banned.
    case agentBanned(SPIFFEID)
    case store(StoreFailure)
}
