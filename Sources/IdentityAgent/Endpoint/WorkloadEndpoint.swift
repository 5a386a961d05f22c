import FoundationEssentials
import GRPCCore
import PeerTransport
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import WorkloadAPIProtos
import WorkloadAttestation

/// The SPIFFE Workload API, answered from the agent's snapshot.
struct WorkloadEndpoint: Sendable {
    /// The header that a client must send (Workload Endpoint §3), once and with exactly the value `true`.
    static let securityHeader = "workload.spiffe.io"
    /// The most audiences one token is issued for.
    static let maxAudiences = 64
    /// The longest audience, in bytes.
    static let maxAudienceBytes = 2_048

    let cache: WorkloadCache
    let tokens: JWTSVIDCache
    let identification: WorkloadIdentification
    let streams: WorkloadStreams
    let instants: Instants
    let servesWIT: Bool

    /// Adds the seven methods, and the check of the header before all of them.
    func register(in routes: inout RPCRoutes) {
        routes.intercept(WorkloadAPIMethods.service) { (context: RPCContext) throws -> Void in
            guard context.header(Self.securityHeader) == ["true"] else {
                throw RPCError(code: .invalidArgument, message: "security header missing from request")
            }
        }
        routes.serverStream(WorkloadAPIMethods.fetchX509SVID) { _, context, responses in
            try await self.streams.serve(context, responses, signing: .x509) { snapshot, entries in
                try WorkloadAnswers.x509SVIDs(snapshot, entries, now: self.instants.now())
            }
        }
        routes.serverStream(WorkloadAPIMethods.fetchX509Bundles) { _, context, responses in
            try await self.streams.serve(context, responses, signing: nil, answer: WorkloadAnswers.x509Bundles)
        }
        routes.serverStream(WorkloadAPIMethods.fetchJWTBundles) { _, context, responses in
            try await self.streams.serve(context, responses, signing: nil, answer: WorkloadAnswers.jwtBundles)
        }
        routes.unary(WorkloadAPIMethods.fetchJWTSVID, self.fetchJWTSVID)
        routes.unary(WorkloadAPIMethods.validateJWTSVID, self.validateJWTSVID)
        self.registerWIT(in: &routes)
    }

    // MARK: - WIT

    private func registerWIT(in routes: inout RPCRoutes) {
        guard self.servesWIT else {
            routes.serverStream(WorkloadAPIMethods.fetchWITSVID) { _, _, _ in throw Self.witUnimplemented }
            routes.serverStream(WorkloadAPIMethods.fetchWITBundles) { _, _, _ in throw Self.witUnimplemented }
            return
        }
        routes.serverStream(WorkloadAPIMethods.fetchWITSVID) { request, context, responses in
            let wantedID = try Self.checked(spiffeID: request.spiffeID)
            try await self.streams.serve(
                context, responses, signing: .wit, select: { try Self.entries($0, of: wantedID) }
            ) { snapshot, entries in
                try WorkloadAnswers.witSVIDs(snapshot, entries, now: self.instants.now())
            }
        }
        routes.serverStream(WorkloadAPIMethods.fetchWITBundles) { _, context, responses in
            try await self.streams.serve(context, responses, signing: nil, answer: WorkloadAnswers.witBundles)
        }
    }

    private static var witUnimplemented: RPCError {
        RPCError(code: .unimplemented, message: "WIT-SVIDs are not served")
    }

    // MARK: - JWT

    private func fetchJWTSVID(_ request: JWTSVIDRequest, _ context: RPCContext) async throws -> JWTSVIDResponse {
        let audience = try Self.checked(audience: request.audience)
        let wantedID = try Self.checked(spiffeID: request.spiffeID)
        let caller = try await self.identification.caller(of: context)
        let snapshot = self.cache.current
        let all = try self.identification.entries(of: caller, in: snapshot, context)
        let entries = try Self.entries(all, of: wantedID)
        let tokens = try await self.tokens(for: entries, audience: audience, authorities: snapshot.bundles.own)
        return .with { response in
            response.svids = zip(entries, tokens).map { entry, token in
                .with {
                    $0.spiffeID = entry.spiffeID.uri
                    $0.svid = token.token
                    $0.hint = entry.hint
                }
            }
        }
    }

    /// A token for each entry, in their order.
    private func tokens(
        for entries: [RegistrationEntry], audience: [String], authorities: TrustBundle
    ) async throws -> [IssuedJWTSVID] {
        do {
            return try await withThrowingTaskGroup(of: (Int, IssuedJWTSVID).self) { group in
                for (index, entry) in entries.enumerated() {
                    group.addTask {
                        (index, try await self.tokens.svid(for: entry, audience: audience, authorities: authorities))
                    }
                }
                var tokens: [(Int, IssuedJWTSVID)] = []
                for try await token in group { tokens.append(token) }
                return tokens.sorted { $0.0 < $1.0 }.map(\.1)
            }
        } catch {
            try Task.checkCancellation()
            let reason = (error as? RPCError)?.message ?? "\(error)"
            throw RPCError(code: .unavailable, message: "could not fetch JWT-SVID: \(reason)")
        }
    }

    private func validateJWTSVID(
        _ request: ValidateJWTSVIDRequest, _ context: RPCContext
    ) async throws -> ValidateJWTSVIDResponse {
        guard !request.audience.isEmpty else {
            throw RPCError(code: .invalidArgument, message: "audience must be specified")
        }
        guard !request.svid.isEmpty else {
            throw RPCError(code: .invalidArgument, message: "svid must be specified")
        }
        let caller = try await self.identification.caller(of: context)
        let snapshot = self.cache.current
        let entries = try self.identification.entries(of: caller, in: snapshot, context)
        let bundles = snapshot.bundles.bundles(with: WorkloadAnswers.federated(entries))
        let svid: SPIFFE.JWTSVID
        do {
            svid = try SPIFFE.JWTSVID.validate(
                request.svid, audience: request.audience, bundles: bundles, now: self.instants.now())
        } catch {
            throw RPCError(code: .invalidArgument, message: "\(error)")
        }
        return .with {
            $0.spiffeID = svid.id.uri
            $0.claims = JWTClaims.proto(of: svid, isForeign: svid.id.trustDomain != snapshot.bundles.own.trustDomain)
        }
    }

    private static func checked(audience: [String]) throws -> [String] {
        guard !audience.isEmpty, !audience.contains("") else {
            throw RPCError(code: .invalidArgument, message: "audience must be specified")
        }
        guard audience.count <= Self.maxAudiences else {
            throw RPCError(
                code: .invalidArgument,
                message: "\(audience.count) audiences were requested, at most \(Self.maxAudiences) are allowed")
        }
        guard audience.allSatisfy({ $0.utf8.count <= Self.maxAudienceBytes }) else {
            throw RPCError(
                code: .invalidArgument, message: "an audience has more than \(Self.maxAudienceBytes) bytes")
        }
        return audience
    }

    /// Those of a caller's entries that have the SPIFFE ID it asks for; all when it asks for none.
    private static func entries(
        _ entries: [RegistrationEntry], of wantedID: SPIFFEID?
    ) throws -> [RegistrationEntry] {
        guard let wantedID else { return entries }
        let wanted = entries.filter { $0.spiffeID == wantedID }
        guard !wanted.isEmpty else {
            throw RPCError(
                code: .permissionDenied, message: "no identity issued: the requested SPIFFE ID is not the caller's")
        }
        return wanted
    }

    private static func checked(spiffeID: String) throws -> SPIFFEID? {
        guard !spiffeID.isEmpty else { return nil }
        do {
            return try SPIFFEID(parsing: spiffeID)
        } catch {
            throw RPCError(code: .invalidArgument, message: "invalid requested SPIFFE ID: \(error)")
        }
    }
}
