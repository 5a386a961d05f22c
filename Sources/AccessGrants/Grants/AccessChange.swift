/// One change of the services and grants.
package enum AccessChange: Hashable, Sendable {
    /// Creates a service, or replaces the one of its name.
    case putService(RegisteredService)
    case deleteService(ServiceName)
    /// Creates a grant, or replaces the one of its ID.
    case putGrant(Grant)
    case deleteGrant(id: String)
}

/// Why a change is not made; nothing has changed.
package enum AccessRefusal: Error, Hashable, Sendable {
    case serviceExists(ServiceName)
    case serviceNotFound(ServiceName)
    case audienceTaken(AudienceURI, by: ServiceName)
    case grantsRemain(ServiceName, count: Int)
    /// A grant gives exactly the same.
    case grantExists(id: String)
    case grantNotFound(String)
    case tooManyServices
    case tooManyGrants
    /// Another owner's policy file describes the service.
    case ownedByAnother(ServiceName, owner: String)
    /// A policy describes the service twice.
    case describedTwice(ServiceName)
    /// A policy has a grant twice: they give the same, whatever their reasons.
    case grantedTwice(String)
    /// A policy grants access to a service that it does not describe: that is the business of the service's owner.
    case notOwned(ServiceName, owner: String)
}

extension AccessRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .serviceExists(let name): "the service \(name) exists"
        case .serviceNotFound(let name): "there is no service \(name)"
        case .audienceTaken(let audience, let name): "\(audience) is the audience of the service \(name)"
        case .grantsRemain(let name, let count): "\(count) grants to the service \(name) must be deleted first"
        case .grantExists(let id): "the grant \(id) gives the same"
        case .grantNotFound(let id): "there is no grant \(id)"
        case .tooManyServices: "there are \(AccessPolicy.maxServices) services, as many as there may be"
        case .tooManyGrants: "there are \(AccessPolicy.maxGrants) grants, as many as there may be"
        case .ownedByAnother(let name, let owner): "the service \(name) belongs to \(owner)"
        case .describedTwice(let name): "the service \(name) is described twice"
        case .grantedTwice(let subject): "the policy has the \(subject) twice"
        case .notOwned(let name, let owner): "the service \(name) is not one of \(owner)'s"
        }
    }
}
