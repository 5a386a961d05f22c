import AccessGrants
import AccessTokens
import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Registration
import SPIFFE
import SwiftProtobuf

extension RegisteredService {
    /// Reads a service as an administrator describes it.
    ///
    /// - Throws: `RPCError` with INVALID_ARGUMENT that names the field.
    init(
        _ proto: Signet_Server_V1_Service, in trustDomain: TrustDomain, createdBy actor: Actor, now: Date
    ) throws {
        guard let binding = BindingRule(proto.binding) else { throw RPCError.invalid("binding: unknown") }
        let name = try RPCError.naming("name") { () throws(AccessRuleError) in try ServiceName(parsing: proto.name) }
        let members = try RPCError.naming("spiffe_id") { () throws(AccessRuleError) in
            try SPIFFEIDPattern(parsing: proto.spiffeID, in: trustDomain)
        }
        let audience =
            try proto.audience.isEmpty
            ? nil
            : RPCError.naming("audience") { () throws(AccessRuleError) in try AudienceURI(parsing: proto.audience) }
        self = try RPCError.naming(nil) { () throws(AccessRuleError) in
            try RegisteredService(
                name: name, members: members, audience: audience, owners: proto.owners,
                summary: proto.description_p, binding: binding, createdBy: actor, createdAt: now)
        }
    }

    var proto: Signet_Server_V1_Service {
        .with {
            $0.name = self.name.text
            $0.spiffeID = self.members.description
            $0.audience = self.audience.text
            $0.owners = self.owners
            $0.description_p = self.summary
            $0.binding = .init(self.binding)
            $0.createdBy = self.createdBy.description
            $0.createdAt = self.createdAt.secondsSinceEpoch
        }
    }
}

extension Grant {
    /// Reads a grant as an administrator describes it.
    ///
    /// - Throws: `RPCError` with INVALID_ARGUMENT that names the field.
    init(
        _ proto: Signet_Server_V1_Grant, id: String, in trustDomain: TrustDomain, createdBy actor: Actor, now: Date
    ) throws {
        let caller = try RPCError.naming("caller") { () throws(AccessRuleError) in
            try SPIFFEIDPattern(parsing: proto.caller, in: trustDomain)
        }
        let service = try RPCError.naming("service") { () throws(AccessRuleError) in
            try ServiceName(parsing: proto.service)
        }
        let scopes = try ScopeSet(requested: proto.scopes)
        self = try RPCError.naming(nil) { () throws(AccessRuleError) in
            guard (0...EntryDraft.maxExpirySeconds).contains(proto.notAfter) else {
                throw .endOutOfRange(seconds: proto.notAfter)
            }
            guard let scopes else { throw .scopeMissing }
            return try Grant(
                id: id, caller: caller, service: service, scopes: scopes,
                maximumLifetime: proto.maximumLifetime == 0 ? nil : .seconds(proto.maximumLifetime),
                notAfter: proto.notAfter == 0 ? nil : Date(unixSeconds: proto.notAfter), reason: proto.reason,
                createdBy: actor, createdAt: now)
        }
    }

    var proto: Signet_Server_V1_Grant {
        .with {
            $0.id = self.id
            $0.caller = self.caller.description
            $0.service = self.service.text
            $0.scopes = self.scopes.names
            $0.maximumLifetime = self.maximumLifetime?.components.seconds ?? 0
            $0.notAfter = self.notAfter?.secondsSinceEpoch ?? 0
            $0.reason = self.reason
            $0.createdBy = self.createdBy.description
            $0.createdAt = self.createdAt.secondsSinceEpoch
        }
    }
}

extension ScopeSet {
    /// The scopes of a request; nil where it names none.
    init?(requested texts: [String]) throws {
        guard !texts.isEmpty else { return nil }
        do throws(ScopeError) {
            try self.init(parsing: texts)
        } catch {
            throw RPCError.invalid("scopes: \(error)")
        }
    }
}

extension BindingRule {
    fileprivate init?(_ proto: Signet_Server_V1_Binding) {
        switch proto {
        case .identity: self = .identity
        case .certificate: self = .certificate
        case .UNRECOGNIZED: return nil
        }
    }
}

extension Signet_Server_V1_Binding {
    init(_ binding: BindingRule) {
        switch binding {
        case .identity: self = .identity
        case .certificate: self = .certificate
        }
    }
}

extension PolicyStep {
    var proto: Signet_Server_V1_PolicyStep {
        .with {
            $0.kind =
                switch self.kind {
                case .create: .create
                case .replace: .replace
                case .delete: .delete
                }
            $0.subject = self.subject
        }
    }
}

extension RPCError {
    /// Runs `body`, and names the field that is wrong.
    fileprivate static func naming<Value>(
        _ field: String?, _ body: () throws(AccessRuleError) -> Value
    ) throws -> Value {
        do throws(AccessRuleError) {
            return try body()
        } catch {
            throw RPCError.invalid(field.map { "\($0): \(error)" } ?? "\(error)")
        }
    }

    /// The answer to a change that is not made.
    init(refused refusal: AccessRefusal) {
        let code: RPCError.Code =
            switch refusal {
            case .serviceExists, .audienceTaken, .grantExists: .alreadyExists
            case .serviceNotFound, .grantNotFound: .notFound
            case .grantsRemain, .ownedByAnother: .failedPrecondition
            case .tooManyServices, .tooManyGrants: .resourceExhausted
            case .describedTwice, .grantedTwice, .notOwned: .invalidArgument
            }
        self.init(code: code, message: "\(refusal)")
    }
}

extension AuditEvent {
    /// A service that somebody asks for, as it is written.
    mutating func note(_ proto: Signet_Server_V1_Service) {
        self.kind = .service
        self.audience = [proto.audience, proto.spiffeID, proto.name].first { !$0.isEmpty }.map { [$0] } ?? []
    }

    /// A grant that somebody asks for, as it is written.
    mutating func note(_ proto: Signet_Server_V1_Grant, of policy: AccessPolicy) {
        self.kind = .grant
        self.subject = proto.caller
        self.audience = [policy.service(named: proto.service)?.audience.text ?? proto.service]
        self.scope = proto.scopes.isEmpty ? nil : proto.scopes.joined(separator: " ")
    }
}
