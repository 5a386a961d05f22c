import Audit
import Authority
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
import X509

/// What `spire.api.server.agent.v1.Agent` does for agents: attestation, renewal, status.
struct AgentIdentityService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.bidirectional(AgentMethods.attestAgent) { requests, call, writer in
            try await self.plane.recording(.agent, call) {
                try await self.attestAgent(requests, call, writer, &$0)
            }
        }
        routes.unary(AgentMethods.renewAgent) { request, call in
            try await self.plane.recording(.agent, call) { try await self.renewAgent(request, call, &$0) }
        }
        routes.unary(AgentMethods.postStatus, self.postStatus)
    }

    // MARK: Attestation

    /// Attests an agent by the evidence of its first message and gives it its first X509-SVID.
    func attestAgent(
        _ requests: RPCRequests<Spire_Api_Server_Agent_V1_AttestAgentRequest>, _ call: Call,
        _ writer: RPCWriter<Spire_Api_Server_Agent_V1_AttestAgentResponse>, _ event: inout AuditEvent
    ) async throws {
        var iterator = requests.makeAsyncIterator()
        let params = try Self.checked(await iterator.next())
        guard params.data.type == JoinTokenAttestation.type else {
            throw RPCError(unknownAttestor: params.data.type)
        }
        let (agent, svid) = try await self.attest(
            byJoinToken: params.data.payload, certificateRequest: params.params.csr)
        // Only now: before it was used, the name of the agent is a secret.
        event.note(svid)
        call.context.logger.info(
            "agent attested",
            metadata: [
                LogKey.agentID: "\(agent.id)", LogKey.attestationType: "\(agent.attestationType)",
                LogKey.serialNumber: "\(agent.serialNumber)",
            ])
        try await writer.write(
            .with {
                $0.result.svid = svid.proto(id: agent.id)
                $0.result.reattestable = agent.canReattest
            })
    }

    private static func checked(
        _ request: Spire_Api_Server_Agent_V1_AttestAgentRequest?
    ) throws -> Spire_Api_Server_Agent_V1_AttestAgentRequest.Params {
        guard let request else { throw RPCError.invalid("failed to receive request from stream: EOF") }
        guard case .params(let params)? = request.step else {
            throw RPCError.invalid("malformed param: missing params")
        }
        let missing: String? =
            if !params.hasData {
                "attestation data"
            } else if !params.hasParams {
                "X509-SVID parameters"
            } else if params.params.csr.isEmpty {
                "CSR"
            } else if params.data.type.isEmpty {
                "attestation data type"
            } else if params.data.payload.isEmpty {
                "attestation data payload"
            } else {
                nil
            }
        if let missing { throw RPCError.invalid("malformed param: missing \(missing)") }
        guard params.data.payload.count <= ControlPlaneLimits.maxAttestationPayloadBytes else {
            throw RPCError.invalid("malformed param: attestation data payload is too long")
        }
        return params
    }

    /// Consumes a join token.
    ///
    /// A request that cannot be signed leaves the token as it was.
    private func attest(
        byJoinToken payload: Data, certificateRequest: Data
    ) async throws -> (AttestedAgent, IssuedX509SVID) {
        let publicKey = try CertificateRequest.publicKey(certificateRequest)
        let token: String
        let id: SPIFFEID
        do throws(JoinTokenFormError) {
            token = try JoinTokenAttestation.token(evidence: payload)
            id = try JoinTokenAttestation.agentID(trustDomain: self.plane.trustDomain, token: token)
        } catch {
            // What cannot be a token was never made.
            throw RPCError.joinTokenUnknown
        }
        do {
            return try await self.plane.join(id, token: token) { now in
                try self.issue(id, publicKey, now: now)
            }
        } catch let error as JoinTokenError {
            if let refusal = RPCError(attesting: error) { throw refusal }
            throw error
        }
    }

    private func issue(_ id: SPIFFEID, _ publicKey: Certificate.PublicKey, now: Date) throws -> IssuedX509SVID {
        try self.plane.authority.current.issueAgentSVID(
            id: id, publicKey: publicKey, ttl: self.plane.lifetimes.agent, now: now)
    }

    // MARK: Renewal

    /// Gives an agent its next X509-SVID.
    ///
    /// The current one stays good until the next is used for the first time.
    func renewAgent(
        _ request: Spire_Api_Server_Agent_V1_RenewAgentRequest, _ call: Call, _ event: inout AuditEvent
    ) async throws -> Spire_Api_Server_Agent_V1_RenewAgentResponse {
        let agent = try call.agent
        event.subject = agent.id.uri
        guard !agent.canReattest else {
            throw RPCError(deniedWith: "agent must reattest instead of renew", .agentMustReattest)
        }
        guard request.hasParams else { throw RPCError.invalid("params cannot be nil") }
        guard !request.params.csr.isEmpty else { throw RPCError.invalid("missing CSR") }
        let publicKey = try CertificateRequest.publicKey(request.params.csr)
        let svid = try self.issue(agent.id, publicKey, now: self.plane.instants.now())
        guard try await self.plane.addPending(svid, to: agent.id) else { throw RPCError.agentNotFound }
        event.note(svid)
        self.plane.logger.info(
            "agent certificate renewed",
            metadata: [LogKey.agentID: "\(agent.id)", LogKey.serialNumber: "\(svid.serialNumber)"])
        return .with { $0.svid = svid.proto(id: agent.id) }
    }

    // MARK: Status

    func postStatus(
        _ request: Spire_Api_Server_Agent_V1_PostStatusRequest, _ call: Call
    ) async throws -> Spire_Api_Server_Agent_V1_PostStatusResponse {
        let agent = try call.agent
        let most = ControlPlaneLimits.maxAgentVersionBytes
        guard request.agentVersion.utf8.count <= most else {
            throw RPCError.invalid("agent version is too long (max \(most) characters)")
        }
        if !request.agentVersion.isEmpty, request.agentVersion != agent.agentVersion {
            guard try await self.plane.setVersion(request.agentVersion, of: agent.id) else {
                throw RPCError.agentNotFound
            }
        }
        return .init()
    }
}
