import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import JOSE
import Logging
import NIOCore
import PeerTransport
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SPIFFETLS
import SwiftProtobuf
import Synchronization
import TestSupport
import X509

/// A control plane that does what a test tells it, over real TLS.
final class ScriptedControlPlane: Sendable {
    typealias Denial = Spire_Api_Types_PermissionDeniedDetails.Reason

    /// What the control plane does.
    ///
    /// Change it with ``script(_:)``.
    struct Script: Sendable {
        var entries: [Spire_Api_Types_Entry] = []
        var bundle: TrustBundle
        /// Whether the bundle's X.509 authorities are said to be tainted.
        var isTainted = false
        var federated: [TrustBundle] = []
        /// The position of the last change.
        var sequence: UInt64 = 1
        var epoch = "epoch-1"
        var pushes = true
        var synchronizes = true
        /// Entries per message, of pushes and of synchronizations.
        var pageSize = 500
        var joinTokens: Set<String> = ["token-1"]
        var agentLifetime: Duration = .seconds(3_600)
        var svidLifetime: Duration = .seconds(3_600)
        var jwtLifetime: Duration = .seconds(300)
        /// What BatchNewWITSVID fails with.
        var witError: RPCError.Code?
        /// Refuses every call of agents.
        var denial: Denial?
        /// Answers every call of agents UNAVAILABLE.
        var isAway = false
        /// Larger batches fail.
        var maxBatch = Int.max
        /// What AttestAgent fails with, one call after the other, before it looks at the token.
        var attestationErrors: [RPCError.Code] = []
        /// What every batch fails with.
        var batchError: RPCError.Code?
        /// What NewJWTSVID fails with.
        var tokenError: RPCError.Code?
        /// What GetBundle fails with.
        var bundleError: RPCError.Code?
        /// Answers to GetBundle, made already, wait until this is false.
        var holdsBundles = false
        /// Entries that are not signed for.
        var unsigned: Set<String> = []
        /// Answers to NewJWTSVID wait until this is false.
        var holdsTokens = false
        /// Whether there is a service for access tokens.
        var issuesAccessTokens = false
        /// What IssueAccessToken fails with.
        var accessTokenError: RPCError.Code?
        var accessTokenLifetime: Duration = .seconds(600)
        /// The `kid` of access tokens, which then are JWTs with the `jti` `t-1`, `t-2`, …; nobody looks at signatures.
        var accessTokenKeyID: String?
        /// SHA-256 of the certificate to which those JWTs say they are bound.
        var accessTokenCertificate: [UInt8]?
        /// How many seconds ahead of the clock access tokens are issued.
        var accessTokenIssuedAhead: Int64 = 0
        /// What access tokens say of their times instead.
        var accessTokenTimes: (issuedAt: Int64, expiresAt: Int64)?
        /// Answers to IssueAccessToken wait until this is false.
        var holdsAccessTokens = false
        /// What WatchTokenState sends, one after the other, to each reader.
        var tokenStates: [Signet_Agent_V1_TokenState] = []
        /// A change ends the streams of WatchTokenState that are open.
        var tokenStateBreaks = 0
    }

    /// A call that was made.
    struct Call: Sendable, Equatable {
        let method: String
        let agentSerial: String?
        var detail = ""
    }

    let authority: ControlPlaneAuthority
    let calls = Recorded<Call>()
    private let instants: Instants
    private let state: Mutex<Script>
    private let changes: Watched<Script>

    init(instants: Instants) throws {
        self.instants = instants
        self.authority = try ControlPlaneAuthority(now: { instants.now() })
        let script = Script(bundle: self.authority.bundle)
        self.state = Mutex(script)
        self.changes = Watched(script)
    }

    var script: Script { self.state.withLock { $0 } }

    /// Changes the script; open streams notice.
    func script(_ change: (inout Script) -> Void) {
        self.state.withLock { script in
            change(&script)
            self.changes.publish(script)
        }
    }

    /// Adds or replaces entries, as an administrator would.
    func register(_ entries: Spire_Api_Types_Entry...) {
        self.script { script in
            for entry in entries {
                script.entries.removeAll { $0.id == entry.id }
                script.entries.append(entry)
            }
            script.sequence += 1
        }
    }

    func remove(_ ids: String...) {
        self.script { script in
            script.entries.removeAll { ids.contains($0.id) }
            script.sequence += 1
        }
    }

    /// How often a method was called.
    func count(_ method: String) -> Int {
        self.calls.values.count { $0.method == method }
    }

    /// Waits for a call.
    func waitForCall(where condition: (Call) -> Bool) async {
        for await _ in self.callCount.updates() where self.calls.values.contains(where: condition) { return }
    }

    /// Waits until a method was called so often.
    func waitForCalls(_ method: String, _ count: Int) async {
        for await _ in self.callCount.updates() where self.count(method) >= count { return }
    }

    private let callCount = Watched(0)

    /// Runs the control plane on a free port.
    func running<Result: Sendable>(_ body: @Sendable (_ port: Int) async throws -> Result) async throws -> Result {
        let identity = try self.authority.identity(
            id: "spiffe://example.org/spire/server", age: .seconds(3_000), lifetime: .seconds(80_000))
        let contexts = SPIFFETLSContexts(
            source: FixedSource(svid: identity, bundle: { self.authority.bundle }),
            policy: .predicate { _ in true }, now: { self.instants.now() }, applicationProtocols: ["h2"],
            clientAuthentication: .optional)
        let listener = RPCListener(
            .tcp(host: "127.0.0.1", port: 0, tls: { try contexts.serverHandlers() }), routes: self.routes())
        let server = RPCServer(
            listeners: [listener], logger: Logger(label: "control plane") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            guard let port = try await server.boundAddress(of: 0).port else { throw RPCServerError.listenerClosed }
            return try await body(port)
        }
    }

    private struct FixedSource: X509SVIDSource {
        let svid: X509SVID
        let bundle: @Sendable () -> TrustBundle

        func current() -> X509Identity { X509Identity(svid: self.svid, bundles: TrustBundles([self.bundle()])) }
    }

    private func record(_ method: String, _ context: RPCContext, _ detail: String = "") {
        var serial: String?
        if case .tls(let svid?) = context.peer { serial = svid.serialNumber }
        self.calls.append(Call(method: method, agentSerial: serial, detail: detail))
        self.callCount.publish(self.calls.values.count)
    }

    /// What every call of an agent goes through.
    private func checkAgent(_ context: RPCContext, _ method: String, _ detail: String = "") throws {
        self.record(method, context, detail)
        guard case .tls(_?) = context.peer else {
            throw RPCError(code: .permissionDenied, message: "authorization denied for method \(context.path)")
        }
        let script = self.script
        if script.isAway { throw RPCError(code: .unavailable, message: "away") }
        if let denial = script.denial { throw Self.error(denial) }
    }

    private static func error(_ denial: Denial) -> RPCError {
        RPCError(
            code: .permissionDenied, message: "denied",
            detail: Spire_Api_Types_PermissionDeniedDetails.with { $0.reason = denial })
    }

    // MARK: - Routes

    private func routes() -> RPCRoutes {
        var routes = RPCRoutes()
        self.addAgentService(to: &routes)
        self.addEntryService(to: &routes)
        self.addSVIDService(to: &routes)
        self.addAccessTokenService(to: &routes)
        routes.unary(BundleMethods.getBundle) { _, context in
            let script = self.script
            self.record("GetBundle", context)
            for await script in self.changes.updates() where !script.holdsBundles { break }
            if let code = script.bundleError { throw RPCError(code: code, message: "no bundle") }
            return script.bundle.wire(isTainted: script.isTainted)
        }
        routes.unary(BundleMethods.getFederatedBundle) { request, context in
            try self.checkAgent(context, "GetFederatedBundle", request.trustDomain)
            guard let bundle = self.script.federated.first(where: { $0.trustDomain.name == request.trustDomain })
            else { throw RPCError(code: .notFound, message: "bundle not found") }
            return bundle.wire()
        }
        return routes
    }

    private func addAgentService(to routes: inout RPCRoutes) {
        routes.bidirectional(AgentMethods.attestAgent) { requests, context, responses in
            self.record("AttestAgent", context)
            let failure = self.state.withLock { script in
                script.attestationErrors.isEmpty ? nil : script.attestationErrors.removeFirst()
            }
            if let failure { throw RPCError(code: failure, message: "it failed") }
            for try await request in requests {
                let token = String(decoding: request.params.data.payload, as: UTF8.self)
                let known = self.state.withLock { script in
                    guard script.joinTokens.remove(token) != nil else { return false }
                    // Whoever has attested is let in, from the next call on.
                    script.denial = nil
                    self.changes.publish(script)
                    return true
                }
                guard request.params.data.type == "join_token", known else {
                    throw RPCError(
                        code: .invalidArgument,
                        message: "failed to attest: join token does not exist or has already been used")
                }
                let svid = try self.agentSVID(
                    "spiffe://example.org/spire/agent/join_token/\(token)", csr: request.params.params.csr)
                return try await responses.write(.with { $0.result.svid = svid })
            }
        }
        routes.unary(AgentMethods.renewAgent) { request, context in
            try self.checkAgent(context, "RenewAgent")
            guard case .tls(let svid?) = context.peer else { throw RPCError(code: .internalError, message: "") }
            return try .with { $0.svid = try self.agentSVID(svid.id.uri, csr: request.params.csr) }
        }
        routes.unary(AgentMethods.postStatus) { request, context in
            try self.checkAgent(context, "PostStatus", request.agentVersion)
            return .init()
        }
    }

    private func agentSVID(_ id: String, csr: Data) throws -> Spire_Api_Types_X509SVID {
        let request = try X509SVIDRequest(parsing: Array(csr))
        let leaf = try self.authority.sign(
            id: id, publicKey: request.publicKey, lifetime: self.script.agentLifetime)
        return .with { $0.certChain = [Data(leaf.derBytes)] }
    }

    private func addEntryService(to routes: inout RPCRoutes) {
        routes.serverStream(SyncMethods.watchAuthorizedEntries) { request, context, responses in
            try self.checkAgent(context, "WatchAuthorizedEntries", "\(request.epoch)/\(request.sequence)")
            guard self.script.pushes else { throw RPCError(code: .unimplemented, message: "unknown service") }
            try await self.push(request, responses)
        }
        routes.unary(EntryMethods.getAuthorizedEntries) { _, context in
            try self.checkAgent(context, "GetAuthorizedEntries")
            return .with { $0.entries = self.script.entries }
        }
        routes.bidirectional(EntryMethods.syncAuthorizedEntries) { requests, context, responses in
            try self.checkAgent(context, "SyncAuthorizedEntries")
            let script = self.script
            guard script.synchronizes else { throw RPCError(code: .unimplemented, message: "unknown method") }
            var isFirst = true
            for try await request in requests {
                if isFirst, script.entries.count <= script.pageSize {
                    return try await responses.write(.with { $0.entries = script.entries })
                }
                if isFirst {
                    for (page, more) in script.entries.paged(script.pageSize) {
                        try await responses.write(
                            .with {
                                $0.entryRevisions = page.map { entry in
                                    .with {
                                        $0.id = entry.id
                                        $0.revisionNumber = entry.revisionNumber
                                        $0.createdAt = entry.createdAt
                                    }
                                }
                                $0.more = more
                            })
                    }
                } else {
                    self.record("SyncAuthorizedEntries.ids", context, request.ids.sorted().joined(separator: ","))
                    let wanted = script.entries.filter { request.ids.contains($0.id) }
                    for (page, more) in wanted.paged(script.pageSize) {
                        try await responses.write(
                            .with {
                                $0.entries = page
                                $0.more = more
                            })
                    }
                }
                isFirst = false
            }
        }
    }

    private func push(
        _ request: Signet_Agent_V1_WatchAuthorizedEntriesRequest,
        _ responses: RPCWriter<Signet_Agent_V1_WatchAuthorizedEntriesResponse>
    ) async throws {
        var sent: [String: Spire_Api_Types_Entry]?
        var sentBundle: TrustBundle?
        for await script in self.changes.updates() {
            if let denial = script.denial { throw Self.error(denial) }
            if script.isAway { throw RPCError(code: .unavailable, message: "away") }
            if sent == nil, request.epoch == script.epoch, request.sequence == script.sequence {
                sent = Dictionary(uniqueKeysWithValues: script.entries.map { ($0.id, $0) })
                sentBundle = script.bundle
                continue
            }
            let changed = script.entries.filter { sent?[$0.id] != $0 }
            let removed = sent.map { $0.keys.filter { id in !script.entries.contains { $0.id == id } } } ?? []
            guard sent == nil || !changed.isEmpty || !removed.isEmpty || sentBundle != script.bundle else { continue }
            for (page, more) in changed.paged(script.pageSize) {
                try await responses.write(
                    .with {
                        $0.epoch = script.epoch
                        $0.sequence = script.sequence
                        $0.full = sent == nil
                        $0.entries = page
                        $0.removedEntryIds = more ? [] : removed.sorted()
                        if sentBundle != script.bundle { $0.bundle = script.bundle.wire(isTainted: script.isTainted) }
                        $0.more = more
                    })
                sentBundle = script.bundle
            }
            sent = Dictionary(uniqueKeysWithValues: script.entries.map { ($0.id, $0) })
        }
    }

    private func addSVIDService(to routes: inout RPCRoutes) {
        routes.unary(SVIDMethods.batchNewX509SVID) { request, context in
            let ids = request.params.map(\.entryID).sorted().joined(separator: ",")
            try self.checkAgent(context, "BatchNewX509SVID", ids)
            let script = self.script
            if let code = script.batchError { throw RPCError(code: code, message: "no batch") }
            guard request.params.count <= script.maxBatch else {
                throw RPCError(code: .resourceExhausted, message: "too many")
            }
            return try .with { reply in
                for params in request.params { reply.results.append(try self.sign(params, script)) }
            }
        }
        routes.unary(SVIDMethods.batchNewWITSVID) { request, context in
            let ids = request.params.map(\.entryID).sorted().joined(separator: ",")
            try self.checkAgent(context, "BatchNewWITSVID", ids)
            let script = self.script
            if let code = script.witError { throw RPCError(code: code, message: "no batch") }
            return try .with { reply in
                for params in request.params { reply.results.append(try self.signWIT(params, script)) }
            }
        }
        routes.unary(SVIDMethods.newJWTSVID) { request, context in
            try self.checkAgent(context, "NewJWTSVID", request.audience.joined(separator: ","))
            for await script in self.changes.updates() where !script.holdsTokens { break }
            let script = self.script
            if let code = script.tokenError { throw RPCError(code: code, message: "no token") }
            guard let entry = script.entries.first(where: { $0.id == request.entryID }) else {
                throw RPCError(code: .notFound, message: "entry not found or not authorized")
            }
            let id = "spiffe://\(entry.spiffeID.trustDomain)\(entry.spiffeID.path)"
            return try .with {
                $0.svid.token = try self.authority.token(
                    id: id, audience: request.audience, lifetime: script.jwtLifetime,
                    claims: entry.additionalAttributes.jwtSvidIncludeJti
                        ? ["jti": .string("\(self.count("NewJWTSVID"))")] : [:])
            }
        }
    }

    private func signWIT(
        _ params: Spire_Api_Server_Svid_V1_NewWITSVIDParams, _ script: Script
    ) throws -> Spire_Api_Server_Svid_V1_BatchNewWITSVIDResponse.Result {
        guard let entry = script.entries.first(where: { $0.id == params.entryID }),
            !script.unsigned.contains(entry.id)
        else {
            return .with {
                $0.status.code = 5
                $0.status.message = "entry not found or not authorized"
            }
        }
        let publicKey = try PublicKey(subjectPublicKeyInfoDER: Array(params.publicKey))
        let token = try self.authority.wit(
            id: "spiffe://\(entry.spiffeID.trustDomain)\(entry.spiffeID.path)", publicKey: publicKey,
            lifetime: script.svidLifetime)
        return .with { $0.svid.token = token }
    }

    private static func jwt(keyID: String, boundTo certificate: [UInt8]?, _ number: Int) -> String {
        let header: JSONObject = ["kid": .string(keyID)]
        var claims: JSONObject = ["jti": .string("t-\(number)")]
        if let certificate { claims["cnf"] = ["x5t#S256": .string(Base64URL.encode(certificate))] }
        let parts = [header, claims].map { Base64URL.encode(JSON.serialize(.object($0))) }
        return parts.joined(separator: ".") + ".c2ln"
    }

    private func addAccessTokenService(to routes: inout RPCRoutes) {
        routes.unary(AccessTokenMethods.issueAccessToken) { request, context in
            let scopes = request.scopes.joined(separator: " ")
            let library = request.library.isEmpty ? "" : " by \(request.library)"
            try self.checkAgent(
                context, "IssueAccessToken", "\(request.entryID) \(request.audience) [\(scopes)]\(library)")
            let script = self.script
            guard script.issuesAccessTokens else { throw RPCError(code: .unimplemented, message: "unknown service") }
            let number = self.count("IssueAccessToken")
            for await script in self.changes.updates() where !script.holdsAccessTokens { break }
            if let code = self.script.accessTokenError { throw RPCError(code: code, message: "no access token") }
            let now = Int64(self.instants.now().timeIntervalSince1970) + script.accessTokenIssuedAhead
            return .with {
                $0.accessToken =
                    script.accessTokenKeyID.map {
                        Self.jwt(keyID: $0, boundTo: script.accessTokenCertificate, number)
                    } ?? "access-token-\(number)"
                $0.issuedAt = script.accessTokenTimes?.issuedAt ?? now
                $0.expiresAt =
                    script.accessTokenTimes?.expiresAt ?? (now + Int64(script.accessTokenLifetime / .seconds(1)))
                $0.scopes = request.scopes
                $0.audience = request.audience
                $0.certificateBound = request.certificateSha256.count == 32
            }
        }
        routes.serverStream(AccessTokenMethods.watchTokenState) { request, context, responses in
            try self.checkAgent(context, "WatchTokenState", "\(request.epoch) \(request.sequence)")
            let breaks = self.script.tokenStateBreaks
            var sent = self.script.tokenStates.prefix { state in
                state.epoch == request.epoch && state.sequence <= request.sequence
            }.count
            for await script in self.changes.updates() {
                guard script.issuesAccessTokens else {
                    throw RPCError(code: .unimplemented, message: "unknown service")
                }
                if script.isAway || script.tokenStateBreaks != breaks {
                    throw RPCError(code: .unavailable, message: "away")
                }
                for state in script.tokenStates.dropFirst(sent) { try await responses.write(state) }
                sent = max(sent, script.tokenStates.count)
            }
        }
    }

    private func sign(
        _ params: Spire_Api_Server_Svid_V1_NewX509SVIDParams, _ script: Script
    ) throws -> Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse.Result {
        guard let entry = script.entries.first(where: { $0.id == params.entryID }),
            !script.unsigned.contains(entry.id)
        else {
            return .with {
                $0.status.code = 5
                $0.status.message = "entry not found or not authorized"
            }
        }
        let request = try X509SVIDRequest(parsing: Array(params.csr))
        let leaf = try self.authority.sign(
            id: "spiffe://\(entry.spiffeID.trustDomain)\(entry.spiffeID.path)", publicKey: request.publicKey,
            lifetime: script.svidLifetime, dnsNames: entry.dnsNames)
        return .with {
            $0.svid.certChain = [Data(leaf.derBytes)]
        }
    }
}

extension Array {
    /// At least one page.
    fileprivate func paged(_ size: Int) -> [(page: [Element], more: Bool)] {
        guard self.count > size else { return [(self, false)] }
        return stride(from: 0, to: self.count, by: size).map { start in
            let end = Swift.min(start + size, self.count)
            return (Array(self[start..<end]), end < self.count)
        }
    }
}

extension TrustBundle {
    fileprivate func wire(isTainted: Bool = false) -> Spire_Api_Types_Bundle {
        .with {
            $0.trustDomain = self.trustDomain.name
            $0.x509Authorities = self.x509Authorities.map { authority in
                .with {
                    $0.asn1 = Data(authority.derBytes)
                    $0.tainted = isTainted
                }
            }
            $0.jwtAuthorities = self.jwtAuthorities.map { authority in
                .with {
                    $0.keyID = authority.keyID
                    $0.publicKey = Data(authority.publicKey.subjectPublicKeyInfoDER)
                }
            }
            $0.witAuthorities = self.witAuthorities.map { authority in
                .with {
                    $0.keyID = authority.keyID
                    $0.publicKey = Data(authority.publicKey.subjectPublicKeyInfoDER)
                    $0.tainted = isTainted
                }
            }
            $0.sequenceNumber = self.sequenceNumber ?? 0
        }
    }
}
