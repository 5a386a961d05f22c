import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// Finds out who calls, and whether they may.
struct AccessControl: Sendable {
    let plane: ControlPlane

    /// The caller of the method, when it is allowed.
    ///
    /// An agent that uses its renewed certificate for the first time has it activated here.
    ///
    /// - Throws: `RPCError` with PERMISSION_DENIED, and the reason where the caller is an agent that can do something
    /// about it.
    func caller(of context: RPCContext) async throws -> Caller {
        let now = self.plane.instants.now()
        let credentials = Credentials(context.peer)
        let verdict = Authorization.verdict(
            access: Access.byPath[context.path] ?? [], credentials: credentials, now: now
        ) { id in
            self.plane.registry.facts(about: id, now: now)
        }
        switch verdict {
        case .allowed(let caller):
            return caller
        case .allowedAfterActivation(let agent):
            guard let serialNumber = agent.newSerialNumber,
                let activated = try await self.plane.activate(agent.id, serialNumber: serialNumber)
            else { throw self.refusal(of: context, .agentNotActive) }
            return .agent(activated)
        case .denied(let denial):
            throw self.refusal(of: context, denial)
        }
    }

    private func refusal(of context: RPCContext, _ denial: Authorization.Denial?) -> RPCError {
        context.logger.debug(
            "call refused", metadata: [LogKey.denial: "\(denial.map { "\($0)" } ?? "notACaller")"])
        var event = AuditEvent(
            time: self.plane.instants.now(), decision: .refused, kind: .call, route: context.path,
            peer: Credentials(context.peer).peer)
        event.reason = denial?.label ?? "not_allowed"
        self.plane.audit.record(event)
        return RPCError(denied: context.path, denial)
    }
}

extension RPCError {
    /// The answer to a call that is not allowed, in SPIRE's words.
    init(denied path: String, _ denial: Authorization.Denial?) {
        self.init(deniedWith: "authorization denied for method \(path)", denial)
    }

    /// PERMISSION_DENIED, with the reason as SPIRE's agents read it.
    init(deniedWith message: String, _ denial: Authorization.Denial?) {
        guard let denial else {
            self.init(code: .permissionDenied, message: message)
            return
        }
        self.init(
            code: .permissionDenied, message: message,
            detail: Spire_Api_Types_PermissionDeniedDetails.with { $0.reason = denial.reason })
    }
}

extension Authorization.Denial {
    /// A stable word for audit records.
    fileprivate var label: String {
        switch self {
        case .agentExpired: "agent_expired"
        case .agentNotAttested: "agent_not_attested"
        case .agentNotActive: "agent_not_active"
        case .agentBanned: "agent_banned"
        case .agentMustReattest: "agent_must_reattest"
        }
    }

    fileprivate var reason: Spire_Api_Types_PermissionDeniedDetails.Reason {
        switch self {
        case .agentExpired: .agentExpired
        case .agentNotAttested: .agentNotAttested
        case .agentNotActive: .agentNotActive
        case .agentBanned: .agentBanned
        case .agentMustReattest: .agentMustReattest
        }
    }
}

extension Credentials {
    init(_ peer: Peer) {
        switch peer {
        case .unix(let process): self = .local(uid: process.uid)
        case .tls(let svid?): self = .svid(svid.id, serialNumber: svid.serialNumber, expiresAt: svid.notAfter)
        case .tls(nil): self = .anonymous
        }
    }

    /// How records name whoever has them; nil for anybody.
    fileprivate var peer: String? {
        switch self {
        case .local(let uid): Actor.uid(uid).description
        case .svid(let id, _, _): Actor.peer(id).description
        case .anonymous: nil
        }
    }
}
