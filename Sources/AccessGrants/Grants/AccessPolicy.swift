package import AccessTokens
package import FoundationEssentials
package import SPIFFE

/// Every service and grant, as one snapshot that decides who gets which token.
///
/// A value: no I/O, no clock. A decision costs a lookup for each segment of the caller's path.
package struct AccessPolicy: Hashable, Sendable {
    /// The most services of a trust domain.
    package static let maxServices = 10_000
    /// The most grants of a trust domain.
    package static let maxGrants = 100_000

    package private(set) var services: [ServiceName: RegisteredService] = [:]
    package private(set) var grants: [String: Grant] = [:]
    /// The audiences of services with `binding: certificate`.
    package private(set) var certificateBoundAudiences: Set<AudienceURI> = []
    private var serviceByAudience: [AudienceURI: ServiceName] = [:]
    /// The IDs of grants, by service and caller.
    private var grantIDs: [ServiceName: [SPIFFEIDPattern: Set<String>]] = [:]
    /// How many services and grants name each caller or member.
    private var mentions: [SPIFFEIDPattern: Int] = [:]

    package init() {}

    /// What a store holds, which was checked when it was written.
    package init(services: [RegisteredService], grants: [Grant]) {
        for service in services { self.apply(.putService(service)) }
        for grant in grants { self.apply(.putGrant(grant)) }
    }

    // MARK: Questions

    /// The service of a name, or of an audience URI.
    package func service(named text: String) -> RegisteredService? {
        if let name = try? ServiceName(parsing: text) { return self.services[name] }
        guard let audience = try? AudienceURI(parsing: text), let name = self.serviceByAudience[audience] else {
            return nil
        }
        return self.services[name]
    }

    /// The grants to a service, those in force and those that have ended, by ID.
    package func grants(to service: ServiceName) -> [Grant] {
        (self.grantIDs[service] ?? [:]).values.joined().sorted().compactMap { self.grants[$0] }
    }

    /// Whether a service or a grant names the workload: only those are clients of the authorization server.
    package func knows(_ id: SPIFFEID) -> Bool {
        SPIFFEIDPattern.all(matching: id).contains { self.mentions[$0] != nil }
    }

    /// Decides about a token.
    ///
    /// - Parameters:
    ///   - audience: The audience URI or the name of a service.
    ///   - scopes: Nil asks for everything that is granted.
    ///   - lifetime: How long tokens live where no grant says so.
    package func decide(
        caller: SPIFFEID, audience: String, scopes: ScopeSet?, lifetime: Duration = TokenLifetime.standard, now: Date
    ) throws(GrantRefusal) -> GrantDecision {
        guard self.knows(caller) else { throw .unknownCaller(caller) }
        guard let service = self.service(named: audience) else { throw .unknownAudience }
        let held = self.grantsHeld(by: caller, to: service.name)
        guard !held.isEmpty else { throw .notGranted(service.name) }
        let inForce = held.filter { $0.isInForce(at: now) }
        guard !inForce.isEmpty else { throw .expired(service.name) }
        let granted = Set(inForce.flatMap(\.scopes.scopes))
        let wanted: ScopeSet
        if let scopes { wanted = scopes } else { wanted = try Self.scopeSet(granted) }
        guard !wanted.isEmpty else { throw .noScope }
        let missing = wanted.scopes.filter { !granted.contains($0) }
        guard missing.isEmpty else { throw .scopesNotGranted(missing) }
        return GrantDecision(
            service: service, scopes: wanted,
            lifetime: Self.lifetime(of: wanted, by: inForce, default: lifetime, now: now),
            grantIDs: inForce.filter { grant in wanted.intersects(grant.scopes) }.map(\.id))
    }

    /// Everything that is granted, where that is not more than a token holds.
    private static func scopeSet(_ granted: Set<Scope>) throws(GrantRefusal) -> ScopeSet {
        do {
            return try ScopeSet(granted)
        } catch {
            throw .tooManyScopes(granted.count)
        }
    }

    private func grantsHeld(by caller: SPIFFEID, to service: ServiceName) -> [Grant] {
        guard let byCaller = self.grantIDs[service] else { return [] }
        return SPIFFEIDPattern.all(matching: caller).flatMap { (byCaller[$0] ?? []).sorted() }
            .compactMap { self.grants[$0] }
    }

    /// Each scope for as long as the most generous of its grants, all of them for as long as the shortest.
    private static func lifetime(
        of scopes: ScopeSet, by grants: [Grant], default lifetime: Duration, now: Date
    ) -> Duration {
        scopes.scopes.map { scope in
            grants.filter { $0.scopes.contains(scope) }.map { $0.lifetime(from: now, default: lifetime) }.max()
                ?? lifetime
        }.min() ?? lifetime
    }

    // MARK: Changes

    /// Whether a change may be made to the policy as it is.
    package func check(_ change: AccessChange) throws(AccessRefusal) {
        switch change {
        case .putService(let service):
            if let other = self.serviceByAudience[service.audience], other != service.name {
                throw .audienceTaken(service.audience, by: other)
            }
            guard self.services[service.name] != nil || self.services.count < Self.maxServices else {
                throw .tooManyServices
            }
        case .deleteService(let name):
            guard self.services[name] != nil else { throw .serviceNotFound(name) }
            let grants = self.grants(to: name)
            guard grants.isEmpty else { throw .grantsRemain(name, count: grants.count) }
        case .putGrant(let grant):
            guard self.services[grant.service] != nil else { throw .serviceNotFound(grant.service) }
            let same = (self.grantIDs[grant.service]?[grant.caller] ?? []).compactMap { self.grants[$0] }
            if let other = same.first(where: { $0.id != grant.id && $0.gives(asMuchAs: grant) }) {
                throw .grantExists(id: other.id)
            }
            guard self.grants[grant.id] != nil || self.grants.count < Self.maxGrants else { throw .tooManyGrants }
        case .deleteGrant(let id):
            guard self.grants[id] != nil else { throw .grantNotFound(id) }
        }
    }

    /// The policy after all of the changes.
    ///
    /// Services may take over each other's audiences: an audience counts as free where its service gets another.
    ///
    /// - Throws: What the first of them is refused for; then none is made.
    package func applying(_ changes: [AccessChange]) throws(AccessRefusal) -> AccessPolicy {
        var policy = self
        for change in changes {
            if case .putService(let service) = change { policy.releaseAudience(of: service.name) }
        }
        for change in changes {
            try policy.check(change)
            policy.apply(change)
        }
        return policy
    }

    /// Makes a change that was checked.
    package mutating func apply(_ change: AccessChange) {
        switch change {
        case .putService(let service):
            self.removeService(service.name)
            self.services[service.name] = service
            self.serviceByAudience[service.audience] = service.name
            if service.binding == .certificate { self.certificateBoundAudiences.insert(service.audience) }
            self.mentions[service.members, default: 0] += 1
        case .deleteService(let name):
            self.removeService(name)
        case .putGrant(let grant):
            self.removeGrant(grant.id)
            self.grants[grant.id] = grant
            self.grantIDs[grant.service, default: [:]][grant.caller, default: []].insert(grant.id)
            self.mentions[grant.caller, default: 0] += 1
        case .deleteGrant(let id):
            self.removeGrant(id)
        }
    }

    private mutating func removeService(_ name: ServiceName) {
        self.releaseAudience(of: name)
        guard let service = self.services.removeValue(forKey: name) else { return }
        self.forget(service.members)
    }

    /// The audience may be another service's already.
    private mutating func releaseAudience(of name: ServiceName) {
        guard let audience = self.services[name]?.audience, self.serviceByAudience[audience] == name else { return }
        self.serviceByAudience[audience] = nil
        self.certificateBoundAudiences.remove(audience)
    }

    private mutating func removeGrant(_ id: String) {
        guard let grant = self.grants.removeValue(forKey: id) else { return }
        self.grantIDs[grant.service]?[grant.caller]?.remove(id)
        if self.grantIDs[grant.service]?[grant.caller]?.isEmpty == true {
            self.grantIDs[grant.service]?[grant.caller] = nil
        }
        if self.grantIDs[grant.service]?.isEmpty == true { self.grantIDs[grant.service] = nil }
        self.forget(grant.caller)
    }

    private mutating func forget(_ pattern: SPIFFEIDPattern) {
        let count = (self.mentions[pattern] ?? 1) - 1
        self.mentions[pattern] = count == 0 ? nil : count
    }
}
