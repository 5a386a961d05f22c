import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import Logging
import NodeAttestation
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf

/// How an agent gets its identity the first time.
struct NodeAttestation: Sendable {
    private static let timeout: Duration = .seconds(30)

    let clients: ServerClients
    let store: AgentDataStore
    let instants: Instants

    /// Presents a join token, once.
    ///
    /// The new key is on disk before the token is used, and the identity before it is returned.
    ///
    /// - Throws: ``AgentError``; `RPCError` when the server was not reached, or failed, and the token may still be good.
    func attest(joinToken: String, bundle: TrustBundle) async throws -> AgentIdentity {
        do {
            try JoinTokenAttestation.validate(token: joinToken)
        } catch {
            throw AgentError.attestationRefused(.invalidArgument, "\(error)")
        }
        let key = try KeyPair.generate(.ecP256)
        try await self.store.prepare(key: key.pkcs8DER)
        let request = Spire_Api_Server_Agent_V1_AttestAgentRequest.with {
            $0.params.data.type = JoinTokenAttestation.type
            $0.params.data.payload = Data(JoinTokenAttestation.evidence(token: joinToken))
        }
        let reply = try await self.converse(request, key: key, bundle: bundle)
        let identity = try reply.agentIdentity(key: key, expected: nil, bundle: bundle, now: self.instants.now())
        try await self.store.save(identity.svid, bundle: bundle)
        return identity
    }

    private func converse(
        _ request: Spire_Api_Server_Agent_V1_AttestAgentRequest, key: KeyPair, bundle: TrustBundle
    ) async throws -> Spire_Api_Types_X509SVID {
        var request = request
        request.params.params.csr = Data(
            try X509SVIDRequest.make(key: key.certificateKey, id: nil, dnsNames: []))
        let first = request
        do {
            return try await self.clients.anonymousClient(trusting: bundle).running { client in
                try await client.converse(AgentMethods.attestAgent, timeout: Self.timeout) { writer in
                    try await writer.write(first)
                } _: { responses in
                    for try await response in responses {
                        guard case .result(let result) = response.step else {
                            throw AgentError.serverReplyInvalid("a join token needs no challenge")
                        }
                        return result.svid
                    }
                    throw AgentError.serverReplyInvalid("the attestation ended without a result")
                }
            }
        } catch let error as RPCError where !error.isTransient && !error.isServerFailure {
            throw AgentError.attestationRefused(error.code, error.message)
        }
    }
}
