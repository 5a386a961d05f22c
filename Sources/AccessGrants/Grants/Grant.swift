package import AccessTokens
package import FoundationEssentials
package import Registration

/// That a caller may have tokens with these scopes for a service.
package struct Grant: Hashable, Sendable {
    package let id: String
    package let caller: SPIFFEIDPattern
    package let service: ServiceName
    package let scopes: ScopeSet
    /// How long tokens live by this grant; nil leaves it to the server.
    package let maximumLifetime: Duration?
    /// The moment from which the grant gives nothing, and no token by it is valid; whole seconds.
    package let notAfter: Date?
    package let reason: String
    package let createdBy: Actor
    /// Whole seconds.
    package let createdAt: Date

    package init(
        id: String, caller: SPIFFEIDPattern, service: ServiceName, scopes: ScopeSet, maximumLifetime: Duration? = nil,
        notAfter: Date? = nil, reason: String = "", createdBy: Actor, createdAt: Date
    ) throws(AccessRuleError) {
        guard !scopes.isEmpty else { throw .scopeMissing }
        if let maximumLifetime, !TokenLifetime.range.contains(maximumLifetime) {
            throw .lifetimeOutOfRange(seconds: maximumLifetime.components.seconds)
        }
        guard RegisteredService.isText(reason) else { throw .invalidText }
        self.id = id
        self.caller = caller
        self.service = service
        self.scopes = scopes
        self.maximumLifetime = maximumLifetime
        self.notAfter = notAfter?.wholeSeconds
        self.reason = reason
        self.createdBy = createdBy
        self.createdAt = createdAt.wholeSeconds
    }

    package func isInForce(at now: Date) -> Bool {
        self.notAfter.map { now < $0 } ?? true
    }

    /// Whether this gives the same as another, whatever the reason and whoever made it when.
    package func gives(asMuchAs other: Grant) -> Bool {
        self.caller == other.caller && self.service == other.service && self.scopes == other.scopes
            && self.maximumLifetime == other.maximumLifetime && self.notAfter == other.notAfter
    }

    /// How long a token by this grant may live from `now`.
    func lifetime(from now: Date, default lifetime: Duration) -> Duration {
        let wanted = self.maximumLifetime ?? lifetime
        guard let notAfter else { return wanted }
        return min(wanted, .seconds(notAfter.unixSeconds - now.unixSeconds))
    }
}
