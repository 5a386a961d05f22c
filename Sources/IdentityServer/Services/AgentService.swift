import Audit
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// `spire.api.server.agent.v1.Agent` for administrators; what agents call is in ``AgentIdentityService``.
struct AgentService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(AgentMethods.countAgents, self.countAgents)
        routes.unary(AgentMethods.listAgents, self.listAgents)
        routes.unary(AgentMethods.getAgent, self.getAgent)
        routes.unary(AgentMethods.banAgent, self.banAgent)
        routes.unary(AgentMethods.deleteAgent, self.deleteAgent)
        routes.unary(AgentMethods.createJoinToken) { request, call in
            try await self.plane.recording(.joinToken, call) { try await self.createJoinToken(request, &$0) }
        }
    }

    // MARK: Reading

    func countAgents(
        _ request: Spire_Api_Server_Agent_V1_CountAgentsRequest, _ call: Call
    ) throws -> Spire_Api_Server_Agent_V1_CountAgentsResponse {
        let filter = try request.hasFilter ? AgentFilter(request.filter.fields) : AgentFilter()
        let count = self.plane.registry.read { $0.agents }.values.reduce(0) { filter.matches($1) ? $0 + 1 : $0 }
        return .with { $0.count = Int32(clamping: count) }
    }

    /// One page of the agents, ordered by SPIFFE ID.
    func listAgents(
        _ request: Spire_Api_Server_Agent_V1_ListAgentsRequest, _ call: Call
    ) throws -> Spire_Api_Server_Agent_V1_ListAgentsResponse {
        let filter = try request.hasFilter ? AgentFilter(request.filter.fields) : AgentFilter()
        let size = try PageSize(request.pageSize)
        let found = self.plane.registry.read { $0.agents }.values
            .filter { $0.id.uri > request.pageToken && filter.matches($0) }
            .sorted { $0.id.uri < $1.id.uri }
        let page = found.prefix(size.count)
        return .with {
            $0.agents = page.map { self.shown($0, request.hasOutputMask ? request.outputMask : nil) }
            if found.count > page.count, let last = page.last { $0.nextPageToken = last.id.uri }
        }
    }

    func getAgent(_ request: Spire_Api_Server_Agent_V1_GetAgentRequest, _ call: Call) throws -> Spire_Api_Types_Agent {
        let id = try self.agentID(request.id, isPresent: request.hasID)
        guard let agent = self.plane.registry.read({ $0.agents[id] }) else { throw RPCError.agentNotFound }
        return self.shown(agent, request.hasOutputMask ? request.outputMask : nil)
    }

    private func shown(_ agent: AttestedAgent, _ mask: Spire_Api_Types_AgentMask?) -> Spire_Api_Types_Agent {
        var proto = agent.proto
        if let mask { proto.apply(mask) }
        return proto
    }

    // MARK: Writing

    /// Refuses an agent for good: what it does and holds open ends at once, and it cannot attest again.
    func banAgent(
        _ request: Spire_Api_Server_Agent_V1_BanAgentRequest, _ call: Call
    ) async throws -> Google_Protobuf_Empty {
        let id = try self.agentID(request.id, isPresent: request.hasID)
        guard try await self.plane.ban(id, by: call.caller.actor, route: call.context.path) else {
            throw RPCError.agentNotFound
        }
        return Google_Protobuf_Empty()
    }

    /// Forgets an agent: what it does and holds open ends at once.
    ///
    /// One that can attest again may come back.
    func deleteAgent(
        _ request: Spire_Api_Server_Agent_V1_DeleteAgentRequest, _ call: Call
    ) async throws -> Google_Protobuf_Empty {
        let id = try self.agentID(request.id, isPresent: request.hasID)
        guard try await self.plane.evict(id, by: call.caller.actor, route: call.context.path) else {
            throw RPCError.agentNotFound
        }
        return Google_Protobuf_Empty()
    }

    /// Makes a join token: the one that is asked for, or a random UUID.
    ///
    /// The alias, if one is asked for, becomes an entry when the token is used. The record has it, and never the token.
    func createJoinToken(
        _ request: Spire_Api_Server_Agent_V1_CreateJoinTokenRequest, _ event: inout AuditEvent
    ) async throws -> Spire_Api_Types_JoinToken {
        guard request.ttl > 0 else { throw RPCError.invalid("ttl is required, you must provide one") }
        let alias = try request.hasAgentID ? self.alias(request.agentID) : nil
        event.subject = alias?.uri
        let token = request.token.isEmpty ? JoinTokenAttestation.makeToken() : request.token
        let now = self.plane.instants.now()
        let expiresAt = now.addingTimeInterval(Double(request.ttl)).wholeSeconds
        event.expiresAt = expiresAt
        try await self.store(token, expiresAt: expiresAt, alias: alias, now: now)
        return .with {
            $0.value = token
            $0.expiresAt = expiresAt.secondsSinceEpoch
        }
    }

    private func store(_ token: String, expiresAt: Date, alias: SPIFFEID?, now: Date) async throws {
        do throws(JoinTokenFormError) {
            try JoinTokenAttestation.validate(token: token)
        } catch {
            throw RPCError.invalid("invalid join token: \(error)")
        }
        let record = JoinTokenRecord(hash: JoinTokenHash(of: token), expiresAt: expiresAt, alias: alias)
        do {
            try await self.plane.writing { try await self.plane.joinTokenStore.create(record, now: now) }
        } catch JoinTokenError.alreadyExists {
            throw RPCError(code: .alreadyExists, message: "join token already exists")
        }
    }

    private func agentID(_ proto: Spire_Api_Types_SPIFFEID, isPresent: Bool) throws -> SPIFFEID {
        do throws(SPIFFEIDRefusal) {
            return try proto.parsed(as: .agent, in: self.plane.trustDomain, isPresent: isPresent)
        } catch {
            throw RPCError.invalid("invalid agent ID: \(error.message)")
        }
    }

    private func alias(_ proto: Spire_Api_Types_SPIFFEID) throws -> SPIFFEID {
        do throws(SPIFFEIDRefusal) {
            return try proto.parsed(as: .workload, in: self.plane.trustDomain)
        } catch {
            throw RPCError.invalid("invalid agent ID: \(error.message)")
        }
    }
}
