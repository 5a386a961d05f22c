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

/// `signet.server.v1.Revocations`: for administrators.
struct RevocationService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(RevocationMethods.revoke) { request, call in
            try await self.plane.recording(.accessToken, call, .refusals) { try await self.revoke(request, call, &$0) }
        }
        routes.unary(RevocationMethods.listRevocations, self.listRevocations)
    }

    func revoke(
        _ request: Signet_Server_V1_RevokeRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Signet_Server_V1_Revocation {
        event.issuer = self.plane.tokens?.issuance.issuer.text
        event.note(request.target)
        let target: Revocation.Target
        do throws(RevocationError) {
            target = try Revocation.Target(request)
        } catch {
            throw RPCError.invalid("\(error)")
        }
        if case .subject(let id) = target, id.trustDomain != self.plane.trustDomain {
            throw RPCError.invalid("\(id) is not of the trust domain \(self.plane.trustDomain)")
        }
        guard RegisteredService.isText(request.reason) else {
            throw RPCError.invalid("reason: \(AccessRuleError.invalidText)")
        }
        do {
            return try await self.plane.revoke(
                target, reason: request.reason, by: call.caller.actor, within: .administrators,
                route: call.context.path
            ).proto
        } catch let refusal as RevocationRefusal {
            event.reason = refusal.label
            throw RPCError(refused: refusal)
        }
    }

    func listRevocations(
        _ request: Signet_Server_V1_ListRevocationsRequest, _ call: Call
    ) throws -> Signet_Server_V1_ListRevocationsResponse {
        guard let tokens = self.plane.tokens else { throw RPCError(refused: .noAuthorizationServer) }
        let recorded = tokens.feed.revocations(now: self.plane.instants.now())
        return .with { $0.revocations = recorded.map(\.proto) }
    }
}

extension Revocation.Target {
    fileprivate init(_ request: Signet_Server_V1_RevokeRequest) throws(RevocationError) {
        switch request.target {
        case .jti(let name): try self.init(kind: "jti", name: name)
        case .spiffeID(let name): try self.init(kind: "spiffe_id", name: name)
        case .certificateSerial(let name): try self.init(kind: "certificate_serial", name: name)
        case .kid(let name): try self.init(kind: "kid", name: name)
        case nil: throw .unknownKind
        }
    }
}

extension AuditEvent {
    /// What somebody asks to have revoked, as it is written.
    fileprivate mutating func note(_ target: Signet_Server_V1_RevokeRequest.OneOf_Target?) {
        switch target {
        case .jti(let name): (self.kind, self.tokenID) = (.accessToken, name)
        case .spiffeID(let name): (self.kind, self.subject) = (.subject, name)
        case .certificateSerial(let name): (self.kind, self.serialNumber) = (.x509SVID, name)
        case .kid(let name): (self.kind, self.keyID) = (.key, name)
        case nil: break
        }
    }
}

extension RecordedRevocation {
    fileprivate var proto: Signet_Server_V1_Revocation {
        .with {
            switch self.revocation.target {
            case .token(let id): $0.jti = id
            case .subject(let id): $0.spiffeID = id.uri
            case .certificate(let serialNumber): $0.certificateSerial = serialNumber
            case .key(let id): $0.kid = id
            }
            $0.reason = self.reason
            $0.revokedAt = self.revocation.revokedAt.secondsSinceEpoch
            $0.expiresAt = self.revocation.expiresAt.secondsSinceEpoch
            $0.createdBy = self.createdBy.description
        }
    }
}

extension Revocation {
    /// The revocation as agents follow it.
    var agentProto: Signet_Agent_V1_Revocation {
        .with {
            switch self.target {
            case .token(let id): $0.jti = id
            case .subject(let id): $0.spiffeID = id.uri
            case .certificate(let serialNumber): $0.certificateSerial = serialNumber
            case .key(let id): $0.kid = id
            }
            $0.revokedAt = self.revokedAt.secondsSinceEpoch
            $0.expiresAt = self.expiresAt.secondsSinceEpoch
        }
    }
}

extension RPCError {
    fileprivate init(refused refusal: RevocationRefusal) {
        switch refusal {
        case .noAuthorizationServer: self = .noAuthorizationServer
        case .unknownKey: self.init(code: .notFound, message: "no key in force has this kid")
        case .tooMany:
            self.init(
                code: .resourceExhausted,
                message: "there are \(ControlPlaneLimits.maxRevocations) revocations, as many as there may be")
        }
    }

    /// FAILED_PRECONDITION: this server issues no access tokens.
    static let noAuthorizationServer = RPCError(
        code: .failedPrecondition,
        message: "this server issues no access tokens: its configuration has no section oauth")
}
