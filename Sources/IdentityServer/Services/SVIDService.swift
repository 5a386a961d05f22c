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

/// `spire.api.server.svid.v1.SVID`: SVIDs for workloads, minted by administrators or asked for by agents.
struct SVIDService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(SVIDMethods.mintX509SVID) { request, call in
            try await self.plane.recording(.x509SVID, call) { try self.mintX509SVID(request, call, &$0) }
        }
        routes.unary(SVIDMethods.mintJWTSVID) { request, call in
            try await self.plane.recording(.jwtSVID, call) { try self.mintJWTSVID(request, call, &$0) }
        }
        routes.unary(SVIDMethods.batchNewX509SVID, self.batchNewX509SVID)
        routes.unary(SVIDMethods.newJWTSVID) { request, call in
            try await self.plane.recording(.jwtSVID, call) { try self.newJWTSVID(request, call, &$0) }
        }
    }

    // MARK: Minting

    /// Signs the request of an administrator: its one URI SAN and its DNS names count, besides the key.
    func mintX509SVID(
        _ request: Spire_Api_Server_Svid_V1_MintX509SVIDRequest, _ call: Call, _ event: inout AuditEvent
    ) throws -> Spire_Api_Server_Svid_V1_MintX509SVIDResponse {
        guard !request.csr.isEmpty else { throw RPCError.invalid("missing CSR") }
        let ttl = try ControlPlane.lifetime(request.ttl, default: self.plane.lifetimes.x509SVID)
        let wanted = try CertificateRequest(minting: request.csr, in: self.plane.trustDomain)
        event.subject = wanted.id.uri
        let svid: IssuedX509SVID
        do throws(IssuanceError) {
            svid = try self.plane.authority.current.issueX509SVID(
                id: wanted.id, publicKey: wanted.publicKey, dnsNames: wanted.dnsNames, ttl: ttl,
                now: self.plane.instants.now())
        } catch {
            throw self.plane.status(of: error, issuing: "X509-SVID", of: wanted.id)
        }
        event.note(svid)
        self.plane.logger.info(
            "X509-SVID minted",
            metadata: [
                LogKey.spiffeID: "\(wanted.id)", LogKey.serialNumber: "\(svid.serialNumber)",
                LogKey.expiresAt: "\(svid.expiresAt.secondsSinceEpoch)", LogKey.caller: "\(call.caller.actor)",
            ])
        return .with { $0.svid = svid.proto(id: wanted.id) }
    }

    func mintJWTSVID(
        _ request: Spire_Api_Server_Svid_V1_MintJWTSVIDRequest, _ call: Call, _ event: inout AuditEvent
    ) throws -> Spire_Api_Server_Svid_V1_MintJWTSVIDResponse {
        let id: SPIFFEID
        do throws(SPIFFEIDRefusal) {
            id = try request.id.parsed(as: .workload, in: self.plane.trustDomain, isPresent: request.hasID)
        } catch {
            throw RPCError.invalid("invalid SPIFFE ID: \(error.message)")
        }
        event.subject = id.uri
        let ttl = try ControlPlane.lifetime(request.ttl, default: self.plane.lifetimes.jwtSVID)
        let audience = try Self.checkedAudience(request.audience)
        event.audience = audience
        let svid = try self.issueJWTSVID(
            id, audience, ttl: ttl, includeJTI: false, now: self.plane.instants.now())
        event.note(svid)
        self.plane.logger.info(
            "JWT-SVID minted",
            metadata: [
                LogKey.spiffeID: "\(id)", LogKey.expiresAt: "\(svid.expiresAt.secondsSinceEpoch)",
                LogKey.caller: "\(call.caller.actor)",
            ])
        return .with { $0.svid = svid.proto(id: id, hint: "") }
    }

    // MARK: For agents

    /// Signs the keys of an agent's workloads; each item succeeds or fails alone.
    func batchNewX509SVID(
        _ request: Spire_Api_Server_Svid_V1_BatchNewX509SVIDRequest, _ call: Call
    ) throws -> Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse {
        try ControlPlane.checkBatch(count: request.params.count, of: "X509-SVID")
        let entries = try self.entries(Set(request.params.map(\.entryID)), for: call)
        let authority = self.plane.authority.current
        let now = self.plane.instants.now()
        return .with {
            $0.results = request.params.map { params in
                .init(
                    self.plane.recordingItem(.x509SVID, call) { event in
                        self.newX509SVID(params, entries, authority, now: now, &event)
                    })
            }
        }
    }

    private func newX509SVID(
        _ params: Spire_Api_Server_Svid_V1_NewX509SVIDParams, _ entries: [String: RegistrationEntry],
        _ authority: AuthorityState, now: Date, _ event: inout AuditEvent
    ) -> Result<Spire_Api_Types_X509SVID, SVIDRefusal> {
        guard !params.entryID.isEmpty else { return .failure(.missingEntryID) }
        guard !params.csr.isEmpty else { return .failure(.missingCSR) }
        guard let entry = entries[params.entryID] else { return .failure(.entryNotFound) }
        event.subject = entry.spiffeID.uri
        do {
            let wanted = entry.x509SVIDTTL ?? self.plane.lifetimes.x509SVID
            let svid = try authority.issueX509SVID(
                id: entry.spiffeID, publicKey: CertificateRequest.publicKey(params.csr), dnsNames: entry.dnsNames,
                ttl: wanted, now: now)
            if svid.clamped { self.report(wanted: wanted, granted: svid.expiresAt, entry, now: now) }
            event.note(svid)
            return .success(svid.proto(id: entry.spiffeID))
        } catch let refusal as CertificateRequestRefusal {
            return .failure(.request(refusal))
        } catch {
            self.plane.logger.error(
                "X509-SVID not issued", metadata: [LogKey.entryID: "\(entry.id)", LogKey.error: "\(error)"])
            return .failure(.notSigned)
        }
    }

    /// Signs a JWT-SVID for a workload of an agent.
    func newJWTSVID(
        _ request: Spire_Api_Server_Svid_V1_NewJWTSVIDRequest, _ call: Call, _ event: inout AuditEvent
    ) throws -> Spire_Api_Server_Svid_V1_NewJWTSVIDResponse {
        guard let entry = try self.entries([request.entryID], for: call)[request.entryID] else {
            event.reason = SVIDRefusal.entryNotFound.label
            throw RPCError(code: .notFound, message: SVIDRefusal.entryNotFound.message)
        }
        event.subject = entry.spiffeID.uri
        let audience = try Self.checkedAudience(request.audience)
        event.audience = audience
        let now = self.plane.instants.now()
        let wanted = entry.jwtSVIDTTL ?? self.plane.lifetimes.jwtSVID
        let svid = try self.issueJWTSVID(
            entry.spiffeID, audience, ttl: wanted, includeJTI: entry.jwtSVIDIncludeJTI, now: now)
        if svid.clamped { self.report(wanted: wanted, granted: svid.expiresAt, entry, now: now) }
        event.note(svid)
        return .with { $0.svid = svid.proto(id: entry.spiffeID, hint: entry.hint) }
    }

    // MARK: Issuing

    private func issueJWTSVID(
        _ id: SPIFFEID, _ audience: [String], ttl: Duration, includeJTI: Bool, now: Date
    ) throws -> IssuedJWTSVID {
        do throws(IssuanceError) {
            return try self.plane.authority.current.issueJWTSVID(
                id: id, audience: audience, ttl: ttl, includeJTI: includeJTI, now: now)
        } catch {
            throw self.plane.status(of: error, issuing: "JWT-SVID", of: id)
        }
    }

    // MARK: Checks

    /// Those of the entries that the calling agent is authorised for.
    private func entries(_ ids: Set<String>, for call: Call) throws -> [String: RegistrationEntry] {
        let agent = try call.agent
        return self.plane.registry.authorizedEntries(ids, for: agent.id, now: self.plane.instants.now())
    }

    private static func checkedAudience(_ audience: [String]) throws -> [String] {
        let most = ControlPlaneLimits.maxAudiences
        guard audience.count <= most else {
            throw RPCError.invalid("too many audiences: \(audience.count), at most \(most)")
        }
        for item in audience {
            guard item.utf8.count <= ControlPlaneLimits.maxAudienceBytes else {
                throw RPCError.invalid("an audience is longer than \(ControlPlaneLimits.maxAudienceBytes) bytes")
            }
        }
        return audience
    }

    /// Says when an entry asks for a longer life than the authority could give.
    private func report(wanted: Duration, granted expiresAt: Date, _ entry: RegistrationEntry, now: Date) {
        self.plane.logger.debug(
            "lifetime shortened to that of the authority",
            metadata: [
                LogKey.entryID: "\(entry.id)", LogKey.requestedSeconds: "\(wanted.components.seconds)",
                LogKey.grantedSeconds: "\(expiresAt.secondsSinceEpoch - now.secondsSinceEpoch)",
            ])
    }
}
