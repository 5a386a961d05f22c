import AccessGrants
import AccessTokens
import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// `signet.server.v1.Access`: services and grants, for administrators.
struct AccessService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(AccessMethods.createService) { request, call in
            try await self.plane.recording(.service, call, .refusals) {
                try await self.createService(request, call, &$0)
            }
        }
        routes.unary(AccessMethods.listServices, self.listServices)
        routes.unary(AccessMethods.getService, self.getService)
        routes.unary(AccessMethods.deleteService) { request, call in
            try await self.plane.recording(.service, call, .refusals) {
                try await self.deleteService(request, call, &$0)
            }
        }
        routes.unary(AccessMethods.createGrant) { request, call in
            try await self.plane.recording(.grant, call, .refusals) {
                try await self.createGrant(request, call, &$0)
            }
        }
        routes.unary(AccessMethods.listGrants, self.listGrants)
        routes.unary(AccessMethods.getGrant, self.getGrant)
        routes.unary(AccessMethods.deleteGrant) { request, call in
            try await self.plane.recording(.grant, call, .refusals) {
                try await self.deleteGrant(request, call, &$0)
            }
        }
        routes.unary(AccessMethods.testGrant, self.testGrant)
        routes.unary(AccessMethods.applyPolicy) { request, call in
            try await self.plane.recording(.grant, call, request.dryRun ? .none : .refusals) {
                try await self.applyPolicy(request, call, &$0)
            }
        }
    }

    // MARK: Services

    func createService(
        _ request: Signet_Server_V1_CreateServiceRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_Service {
        event.note(request.service)
        return try await self.answer {
            let service = try RegisteredService(
                request.service, in: self.plane.trustDomain, createdBy: call.caller.actor,
                now: self.plane.instants.now())
            try await self.plane.changeAccess(by: call.caller.actor, route: call.context.path) { policy in
                if policy.services[service.name] != nil { throw AccessRefusal.serviceExists(service.name) }
                return ([.putService(service)], ())
            }
            return service.proto
        }
    }

    func listServices(
        _ request: Signet_Server_V1_ListServicesRequest, _ call: Call
    ) throws -> Signet_Server_V1_ListServicesResponse {
        let size = try PageSize(request.pageSize)
        let services = self.plane.registry.access.services.values.sorted { $0.name < $1.name }
        let page = Page(services, after: request.pageToken, size: size) { $0.name.text }
        return .with {
            $0.services = page.items.map(\.proto)
            $0.nextPageToken = page.next
        }
    }

    func getService(
        _ request: Signet_Server_V1_GetServiceRequest, _ call: Call
    ) throws -> Signet_Server_V1_Service {
        try self.service(named: request.name).proto
    }

    func deleteService(
        _ request: Signet_Server_V1_DeleteServiceRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_DeleteServiceResponse {
        event.audience = [request.name]
        return try await self.answer {
            let name = try ServiceName(parsing: request.name)
            event.note(askedFor: .deleteService(name), of: self.plane.registry.access)
            let count = try await self.plane.changeAccess(by: call.caller.actor, route: call.context.path) { policy in
                let grants = request.deleteGrants ? policy.grants(to: name) : []
                return (grants.map { .deleteGrant(id: $0.id) } + [.deleteService(name)], grants.count)
            }
            return .with { $0.deletedGrants = Int32(clamping: count) }
        }
    }

    // MARK: Grants

    func createGrant(
        _ request: Signet_Server_V1_CreateGrantRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_Grant {
        event.note(request.grant, of: self.plane.registry.access)
        return try await self.answer {
            let now = self.plane.instants.now()
            let grant = try Grant(
                request.grant, id: self.plane.entryIDs.next(now: now), in: self.plane.trustDomain,
                createdBy: call.caller.actor, now: now)
            guard grant.isInForce(at: now) else { throw RPCError.invalid("not_after: has passed") }
            try await self.plane.changeAccess(by: call.caller.actor, route: call.context.path) { _ in
                ([.putGrant(grant)], ())
            }
            return grant.proto
        }
    }

    func listGrants(
        _ request: Signet_Server_V1_ListGrantsRequest, _ call: Call
    ) throws -> Signet_Server_V1_ListGrantsResponse {
        let size = try PageSize(request.pageSize)
        let policy = self.plane.registry.access
        var grants =
            try request.service.isEmpty
            ? Array(policy.grants.values) : policy.grants(to: self.service(named: request.service).name)
        if !request.caller.isEmpty {
            let caller = try self.caller(request.caller)
            grants = grants.filter { $0.caller.matches(caller) }
        }
        if request.onlyInForce {
            let now = self.plane.instants.now()
            grants = grants.filter { $0.isInForce(at: now) }
        }
        let page = Page(grants.sorted { $0.id < $1.id }, after: request.pageToken, size: size) { $0.id }
        return .with {
            $0.grants = page.items.map(\.proto)
            $0.nextPageToken = page.next
        }
    }

    func getGrant(_ request: Signet_Server_V1_GetGrantRequest, _ call: Call) throws -> Signet_Server_V1_Grant {
        guard let grant = self.plane.registry.access.grants[request.id] else {
            throw RPCError(refused: .grantNotFound(request.id))
        }
        return grant.proto
    }

    func deleteGrant(
        _ request: Signet_Server_V1_DeleteGrantRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_DeleteGrantResponse {
        event.note(askedFor: .deleteGrant(id: request.id), of: self.plane.registry.access)
        return try await self.answer {
            try await self.plane.changeAccess(by: call.caller.actor, route: call.context.path) { _ in
                ([.deleteGrant(id: request.id)], ())
            }
            return .init()
        }
    }

    /// The decision as it would be made now, without a token; a server that issues none grants nothing.
    func testGrant(
        _ request: Signet_Server_V1_TestGrantRequest, _ call: Call
    ) async throws -> Signet_Server_V1_TestGrantResponse {
        let caller = try self.caller(request.caller)
        let scopes = try ScopeSet(requested: request.scopes)
        do throws(GrantRefusal) {
            let issuance = self.plane.tokens?.issuance
            let decision = try self.plane.registry.access.decide(
                caller: caller, audience: request.audience, scopes: scopes,
                lifetime: issuance?.lifetime ?? TokenLifetime.standard, now: self.plane.instants.now())
            let grants = "granted by \(decision.grantIDs.joined(separator: ", "))"
            guard issuance != nil else {
                return .with {
                    $0.reason = "no_authorization_server"
                    $0.explanation = "\(grants), but \(RPCError.noAuthorizationServer.message)"
                }
            }
            return .with {
                $0.granted = true
                $0.reason = "granted"
                $0.explanation = grants
                $0.audience = decision.service.audience.text
                $0.scopes = decision.scopes.names
                $0.lifetime = decision.lifetime.components.seconds
                $0.binding = .init(decision.service.binding)
                $0.grantIds = decision.grantIDs
            }
        } catch {
            return .with {
                $0.reason = error.label
                $0.explanation = "\(error)"
            }
        }
    }

    // MARK: Policies

    func applyPolicy(
        _ request: Signet_Server_V1_ApplyPolicyRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_ApplyPolicyResponse {
        try await self.answer {
            let policy = try self.ownedPolicy(request, by: call.caller.actor, &event)
            let steps: [PolicyStep]
            if request.dryRun {
                steps = try self.plane.registry.access.steps(toward: policy)
            } else {
                steps = try await self.plane.changeAccess(by: call.caller.actor, route: call.context.path) { access in
                    let steps = try access.steps(toward: policy)
                    return (steps.map(\.change), steps)
                }
            }
            return .with { $0.steps = steps.map(\.proto) }
        }
    }

    /// Reads a policy; of one item that is wrong `event` says what it is, of the whole which services it describes.
    private func ownedPolicy(
        _ request: Signet_Server_V1_ApplyPolicyRequest, by actor: Actor, _ event: inout AuditEvent
    ) throws -> OwnedPolicy {
        let most = ControlPlaneLimits.maxPolicyItems
        guard request.services.count <= most, request.grants.count <= most else {
            throw RPCError.invalid("a policy has at most \(most) services and \(most) grants")
        }
        guard !request.owner.isEmpty else { throw RPCError.invalid("owner: must be given") }
        let now = self.plane.instants.now()
        let ofPolicy = event
        let services = try request.services.map { proto in
            event.note(proto)
            var proto = proto
            proto.owners = [request.owner] + proto.owners.filter { $0 != request.owner }
            return try self.named("service \(proto.name)") {
                try RegisteredService(proto, in: self.plane.trustDomain, createdBy: actor, now: now)
            }
        }
        let grants = try request.grants.map { proto in
            event.note(proto, of: self.plane.registry.access)
            return try self.named("grant \(proto.caller) → \(proto.service)") {
                try Grant(
                    proto, id: self.plane.entryIDs.next(now: now), in: self.plane.trustDomain, createdBy: actor,
                    now: now)
            }
        }
        // Each item is right: what is refused from here on is the whole.
        event = ofPolicy
        event.audience = services.prefix(AuditEvent.maxAudiences).map(\.audience.text)
        return OwnedPolicy(owner: request.owner, services: services, grants: grants)
    }

    /// Says which item of a policy is wrong.
    private func named<Value>(_ subject: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as RPCError {
            throw RPCError.invalid("\(subject): \(error.message)")
        }
    }

    // MARK: Parts

    private func service(named text: String) throws -> RegisteredService {
        guard let service = self.plane.registry.access.service(named: text) else {
            throw RPCError(code: .notFound, message: "there is no service of this name or audience")
        }
        return service
    }

    private func caller(_ uri: String) throws -> SPIFFEID {
        do throws(SPIFFEIDRefusal) {
            return try SPIFFEID(uri: uri, as: .workload, in: self.plane.trustDomain)
        } catch {
            throw RPCError.invalid("caller: \(error.message)")
        }
    }

    /// Tells the caller what was refused, as a status.
    private func answer<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as AccessRefusal {
            throw RPCError(refused: refusal)
        } catch let error as AccessRuleError {
            throw RPCError.invalid("\(error)")
        }
    }
}
