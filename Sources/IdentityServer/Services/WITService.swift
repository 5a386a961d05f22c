import Audit
import Authority
import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import Logging
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// The WIT-SVIDs of `spire.api.server.svid.v1.SVID`; not registered, and so UNIMPLEMENTED, where none are issued.
struct WITService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(SVIDMethods.mintWITSVID) { request, call in
            try await self.plane.recording(.witSVID, call) { try self.mintWITSVID(request, call, &$0) }
        }
        routes.unary(SVIDMethods.batchNewWITSVID, self.batchNewWITSVID)
    }

    /// Signs a token for a key that an administrator sends.
    func mintWITSVID(
        _ request: Spire_Api_Server_Svid_V1_MintWITSVIDRequest, _ call: Call, _ event: inout AuditEvent
    ) throws -> Spire_Api_Server_Svid_V1_MintWITSVIDResponse {
        let id: SPIFFEID
        do throws(SPIFFEIDRefusal) {
            id = try request.id.parsed(as: .workload, in: self.plane.trustDomain, isPresent: request.hasID)
        } catch {
            throw RPCError.invalid("invalid SPIFFE ID: \(error.message)")
        }
        event.subject = id.uri
        let ttl = try ControlPlane.lifetime(request.ttl, default: self.plane.lifetimes.witSVID)
        let confirmation = try WITConfirmation(
            publicKeyDER: request.publicKey, signingAlgorithm: request.signingAlgorithm)
        let svid: IssuedWITSVID
        do throws(IssuanceError) {
            svid = try self.plane.authority.current.issueWITSVID(
                id: id, confirmation: confirmation, ttl: ttl, now: self.plane.instants.now())
        } catch {
            throw self.plane.status(of: error, issuing: "WIT-SVID", of: id)
        }
        event.note(svid)
        self.plane.logger.info(
            "WIT-SVID minted",
            metadata: [
                LogKey.spiffeID: "\(id)", LogKey.expiresAt: "\(svid.expiresAt.secondsSinceEpoch)",
                LogKey.caller: "\(call.caller.actor)",
            ])
        return .with { $0.svid = svid.proto(id: id, hint: "") }
    }

    /// Signs tokens for the keys of an agent's workloads; each item succeeds or fails alone.
    func batchNewWITSVID(
        _ request: Spire_Api_Server_Svid_V1_BatchNewWITSVIDRequest, _ call: Call
    ) throws -> Spire_Api_Server_Svid_V1_BatchNewWITSVIDResponse {
        try ControlPlane.checkBatch(count: request.params.count, of: "WIT-SVID")
        let agent = try call.agent
        let now = self.plane.instants.now()
        let entries = self.plane.registry.authorizedEntries(
            Set(request.params.map(\.entryID)), for: agent.id, now: now)
        let authority = self.plane.authority.current
        return .with {
            $0.results = request.params.map { params in
                .init(
                    self.plane.recordingItem(.witSVID, call) { event in
                        self.newWITSVID(params, entries, authority, now: now, &event)
                    })
            }
        }
    }

    /// A token lives as long as the X509-SVID of its entry: both are bound to a key.
    private func newWITSVID(
        _ params: Spire_Api_Server_Svid_V1_NewWITSVIDParams, _ entries: [String: RegistrationEntry],
        _ authority: AuthorityState, now: Date, _ event: inout AuditEvent
    ) -> Result<Spire_Api_Types_WITSVID, WITSVIDRefusal> {
        guard !params.entryID.isEmpty else { return .failure(.missingEntryID) }
        guard let entry = entries[params.entryID] else { return .failure(.entryNotFound) }
        event.subject = entry.spiffeID.uri
        do {
            let confirmation = try WITConfirmation(
                publicKeyDER: params.publicKey, signingAlgorithm: params.signingAlgorithm)
            let svid = try authority.issueWITSVID(
                id: entry.spiffeID, confirmation: confirmation,
                ttl: entry.x509SVIDTTL ?? self.plane.lifetimes.witSVID, now: now)
            event.note(svid)
            return .success(svid.proto(id: entry.spiffeID, hint: entry.hint))
        } catch let refusal as WITKeyRefusal {
            return .failure(.key(refusal))
        } catch {
            self.plane.logger.error(
                "WIT-SVID not issued", metadata: [LogKey.entryID: "\(entry.id)", LogKey.error: "\(error)"])
            return .failure(.notSigned)
        }
    }
}
