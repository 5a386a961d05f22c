import AccessTokens
import FoundationEssentials
import Registration

/// What one owner wants to be true of their services, as their policy file says it.
package struct OwnedPolicy: Hashable, Sendable {
    package let owner: String
    /// Their first owner is ``owner``.
    package let services: [RegisteredService]
    /// Grants to services of the owner.
    package let grants: [Grant]

    package init(owner: String, services: [RegisteredService], grants: [Grant]) {
        self.owner = owner
        self.services = services
        self.grants = grants
    }
}

/// One step that makes an owner's policy true.
package struct PolicyStep: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case create
        case replace
        case delete
    }

    package let kind: Kind
    package let change: AccessChange
    /// What the step is about, in one line.
    package let subject: String
}

extension AccessPolicy {
    /// The steps that make an owner's policy true, in an order in which each may be made; none when it is true.
    ///
    /// Only services whose first owner is the policy's are touched, and the grants to them: what the policy does not
    /// mention of these is deleted.
    package func steps(toward policy: OwnedPolicy) throws(AccessRefusal) -> [PolicyStep] {
        let wanted = try self.wantedServices(of: policy)
        let owned = self.services.values.filter { $0.firstOwner == policy.owner }.sorted { $0.name < $1.name }
        let gone = owned.filter { wanted[$0.name] == nil }
        let steps =
            self.grantDeletions(owned, policy)
            + gone.map { Self.step(.delete, .deleteService($0.name), "service \($0.name)") }
            + self.servicePuts(policy) + self.grantCreations(policy)
        _ = try self.applying(steps.map(\.change))
        return steps
    }

    private func wantedServices(
        of policy: OwnedPolicy
    ) throws(AccessRefusal) -> [ServiceName: RegisteredService] {
        var wanted: [ServiceName: RegisteredService] = [:]
        for service in policy.services {
            if let existing = self.services[service.name], existing.firstOwner != policy.owner {
                throw .ownedByAnother(service.name, owner: existing.firstOwner)
            }
            guard wanted.updateValue(service, forKey: service.name) == nil else {
                throw .describedTwice(service.name)
            }
        }
        for grant in policy.grants where wanted[grant.service] == nil {
            throw .notOwned(grant.service, owner: policy.owner)
        }
        var places: [GrantPlace: [Grant]] = [:]
        for grant in policy.grants {
            let place = GrantPlace(caller: grant.caller, service: grant.service)
            if places[place]?.contains(where: { $0.gives(asMuchAs: grant) }) == true {
                throw .grantedTwice(Self.subject(grant))
            }
            places[place, default: []].append(grant)
        }
        return wanted
    }

    private func grantDeletions(_ owned: [RegisteredService], _ policy: OwnedPolicy) -> [PolicyStep] {
        owned.flatMap { self.grants(to: $0.name) }.filter { grant in
            !policy.grants.contains { $0.gives(asMuchAs: grant) && $0.reason == grant.reason }
        }.map { Self.step(.delete, .deleteGrant(id: $0.id), Self.subject($0)) }
    }

    private func servicePuts(_ policy: OwnedPolicy) -> [PolicyStep] {
        policy.services.compactMap { service in
            guard let existing = self.services[service.name] else {
                return Self.step(.create, .putService(service), "service \(service.name)")
            }
            return existing.hasContent(of: service)
                ? nil : Self.step(.replace, .putService(service), "service \(service.name)")
        }
    }

    private func grantCreations(_ policy: OwnedPolicy) -> [PolicyStep] {
        policy.grants.filter { grant in
            !self.grants(to: grant.service).contains { $0.gives(asMuchAs: grant) && $0.reason == grant.reason }
        }.map { Self.step(.create, .putGrant($0), Self.subject($0)) }
    }

    private static func step(_ kind: PolicyStep.Kind, _ change: AccessChange, _ subject: String) -> PolicyStep {
        PolicyStep(kind: kind, change: change, subject: subject)
    }

    private struct GrantPlace: Hashable {
        let caller: SPIFFEIDPattern
        let service: ServiceName
    }

    private static func subject(_ grant: Grant) -> String {
        let end = grant.notAfter.map { " until \($0.unixSeconds)" } ?? ""
        return "grant \(grant.caller) → \(grant.service): \(grant.scopes.text)\(end)"
    }
}
