import Foundation
import GRPCCore
import JOSE
import Logging
import PeerTransport
import ProtoRPC
import Rotation
public import SPIFFE
import SwiftProtobuf
public import WorkloadAPI
import WorkloadAPIProtos

/// A Workload API on a real Unix socket that says what the test tells it to.
///
/// ```swift
/// let ca = try await TestCA(trustDomain: "example.org")
/// try await withTestWorkloadAPI(ca) { api in
///     try api.grant("/payments")
///     try await withX509Source(client: api.client) { identity in
///         let tls = SPIFFETLSContexts(
///             source: identity, policy: .exactly(try ca.id("/orders")), now: ca.time.clock)
///         // … the service under test, and calls to it
///         try api.grant("/payments")  // rotates
///     }
/// }
/// ```
public final class TestWorkloadAPI: Sendable {
    fileprivate struct Grant: Sendable {
        var svids: [SPIFFE.X509SVID]
        var federated: [TrustBundle]
    }

    fileprivate enum State: Sendable {
        case silent
        case granted(Grant)
        /// Half of what is granted in each message.
        case halved(Grant)
        case rubbish([UInt8])
        case failing(RPCError)
    }

    /// A client of it, on the time of its authority.
    public let client: WorkloadAPIClient
    private let ca: TestCA
    private let state = Watched(State.silent)

    fileprivate init(_ ca: TestCA, socketPath: String) throws {
        self.ca = ca
        self.client = WorkloadAPIClient(
            address: try WorkloadAPIAddress(socketPath: socketPath), instants: ca.time.instants,
            makeGenerator: { SystemRandomNumberGenerator() })
    }

    /// Where it is, for a process that reads `SPIFFE_ENDPOINT_SOCKET`.
    public var address: WorkloadAPIAddress { self.client.address }

    /// Issues a new X509-SVID for each path and sends them on each open stream, the first one as the default identity.
    ///
    /// JWT-SVIDs and WIT-SVIDs of the same identities are issued when they are asked for.
    ///
    /// - Parameters:
    ///   - paths: One or more.
    ///   - hints: What an SVID is for, by its path. Default: nothing.
    ///   - lifetime: How long the X509-SVIDs are valid. Default: an hour.
    ///   - federated: The bundles of other trust domains. Default: none.
    public func grant(
        _ paths: String..., hints: [String: String] = [:], lifetime: Duration = .seconds(3_600),
        federated: [TrustBundle] = []
    ) throws {
        let svids = try paths.map { try self.ca.x509SVID($0, lifetime: lifetime, hint: hints[$0] ?? "") }
        self.send(svids, federated: federated)
    }

    /// Sends these X509-SVIDs on each open stream, whatever they are, with the bundle of the authority.
    public func send(_ svids: [SPIFFE.X509SVID], federated: [TrustBundle] = []) {
        self.state.publish(.granted(Grant(svids: svids, federated: federated)))
    }

    /// Sends these bytes as a message on each open stream, and in answer to each call, whatever they are.
    public func send(bytes: [UInt8]) {
        self.state.publish(.rubbish(bytes))
    }

    /// As ``grant(_:hints:lifetime:federated:)``, but of each message only the first half of its bytes.
    public func grantHalf(_ paths: String...) throws {
        self.state.publish(.halved(Grant(svids: try paths.map { try self.ca.x509SVID($0) }, federated: [])))
    }

    /// Denies every identity, as after the registration entry is deleted (PERMISSION_DENIED).
    public func deny(_ message: String = "no identity issued") {
        self.state.publish(.failing(RPCError(code: .permissionDenied, message: message)))
    }

    /// Ends every stream and call, as an agent does that restarts (UNAVAILABLE).
    public func interrupt(_ message: String = "not ready") {
        self.state.publish(.failing(RPCError(code: .unavailable, message: message)))
    }

    // MARK: Serving

    fileprivate func routes() -> RPCRoutes {
        var routes = RPCRoutes()
        self.serve(WorkloadAPIMethods.fetchX509SVID, in: &routes) { _, grant in self.x509SVIDs(grant) }
        self.serve(WorkloadAPIMethods.fetchX509Bundles, in: &routes) { _, grant in
            .with { $0.bundles = self.bundles(grant.federated) { Data($0.x509AuthoritiesDER()) } }
        }
        self.serve(WorkloadAPIMethods.fetchJWTBundles, in: &routes) { _, grant in
            .with { $0.bundles = self.bundles(grant.federated) { Data($0.jwtKeySet()) } }
        }
        self.serve(WorkloadAPIMethods.fetchWITSVID, in: &routes) { try self.witSVIDs($0, $1) }
        self.serve(WorkloadAPIMethods.fetchWITBundles, in: &routes) { _, grant in
            .with { $0.bundles = self.bundles(grant.federated) { String(decoding: $0.witKeySet(), as: UTF8.self) } }
        }
        self.answer(WorkloadAPIMethods.fetchJWTSVID, in: &routes) { try self.jwtSVIDs($0, $1) }
        self.answer(WorkloadAPIMethods.validateJWTSVID, in: &routes) { try self.validate($0, $1) }
        return routes
    }

    private static func checkHeader(_ context: RPCContext) throws {
        guard context.header("workload.spiffe.io") == ["true"] else {
            throw RPCError(code: .invalidArgument, message: "security header missing from request")
        }
    }

    /// Sends what is granted now and then, until something else is said.
    private func serve<Input, Output>(
        _ method: RPCMethod<Input, Output>, in routes: inout RPCRoutes,
        _ response: @escaping @Sendable (Input, Grant) throws -> Output
    ) {
        routes.serverStream(RPCMethod<Input, MessageBytes>(method)) { request, context, writer in
            try Self.checkHeader(context)
            for await state in self.state.updates() {
                if case .silent = state { continue }
                try await writer.write(state.message { try response(request, $0) })
            }
        }
    }

    private func answer<Input, Output>(
        _ method: RPCMethod<Input, Output>, in routes: inout RPCRoutes,
        _ response: @escaping @Sendable (Input, Grant) throws -> Output
    ) {
        routes.unary(RPCMethod<Input, MessageBytes>(method)) { request, context in
            try Self.checkHeader(context)
            return try self.state.current.message { try response(request, $0) }
        }
    }

    private func x509SVIDs(_ grant: Grant) -> X509SVIDResponse {
        var response = X509SVIDResponse()
        response.svids = grant.svids.map { svid in
            var message = WorkloadAPIProtos.X509SVID()
            message.spiffeID = svid.id.uri
            message.x509Svid = Data(svid.certificatesDER)
            message.x509SvidKey = Data(svid.privateKeyPKCS8DER)
            message.bundle = Data(self.ca.bundle.x509AuthoritiesDER())
            message.hint = svid.hint
            return message
        }
        for bundle in grant.federated {
            response.federatedBundles[bundle.trustDomain.id.uri] = Data(bundle.x509AuthoritiesDER())
        }
        return response
    }

    /// This one's own bundle and those of others, by the names of their trust domains.
    private func bundles<Content>(
        _ federated: [TrustBundle], _ content: (TrustBundle) -> Content
    ) -> [String: Content] {
        var bundles: [String: Content] = [:]
        for bundle in federated + [self.ca.bundle] { bundles[bundle.trustDomain.id.uri] = content(bundle) }
        return bundles
    }

    private func jwtSVIDs(_ request: JWTSVIDRequest, _ grant: Grant) throws -> JWTSVIDResponse {
        var response = JWTSVIDResponse()
        for svid in grant.svids where request.spiffeID.isEmpty || request.spiffeID == svid.id.uri {
            var message = WorkloadAPIProtos.JWTSVID()
            message.spiffeID = svid.id.uri
            message.svid = try self.ca.jwtSVID(svid.id.path, audience: request.audience)
            message.hint = svid.hint
            response.svids.append(message)
        }
        guard !response.svids.isEmpty else { throw Self.noIdentity }
        return response
    }

    private func witSVIDs(_ request: WITSVIDRequest, _ grant: Grant) throws -> WITSVIDResponse {
        var response = WITSVIDResponse()
        for svid in grant.svids where request.spiffeID.isEmpty || request.spiffeID == svid.id.uri {
            let issued = try self.ca.witSVID(svid.id.path)
            var message = WorkloadAPIProtos.WITSVID()
            message.spiffeID = svid.id.uri
            message.witSvid = issued.token
            message.witSvidKey = String(
                decoding: JSON.serialize(.object(issued.privateKey.object())), as: UTF8.self)
            message.hint = svid.hint
            response.svids.append(message)
        }
        guard !response.svids.isEmpty else { throw Self.noIdentity }
        return response
    }

    private func validate(_ request: ValidateJWTSVIDRequest, _ grant: Grant) throws -> ValidateJWTSVIDResponse {
        let bundles = TrustBundles(grant.federated + [self.ca.bundle])
        let svid: SPIFFE.JWTSVID
        do {
            svid = try SPIFFE.JWTSVID.validate(
                request.svid, audience: request.audience, bundles: bundles, now: self.ca.time.now)
        } catch {
            throw RPCError(code: .invalidArgument, message: "\(error)")
        }
        var response = ValidateJWTSVIDResponse()
        response.spiffeID = svid.id.uri
        response.claims = try Google_Protobuf_Struct(jsonUTF8Bytes: JSON.serialize(.object(svid.claims)))
        return response
    }

    fileprivate static let noIdentity = RPCError(code: .permissionDenied, message: "no identity issued")
}

extension TestWorkloadAPI.State {
    /// What is said now.
    fileprivate func message(_ response: (TestWorkloadAPI.Grant) throws -> some Message) throws -> MessageBytes {
        switch self {
        case .silent: throw TestWorkloadAPI.noIdentity
        case .granted(let grant): return MessageBytes(try response(grant).serializedBytes())
        case .halved(let grant):
            let bytes: [UInt8] = try response(grant).serializedBytes()
            return MessageBytes(Array(bytes.prefix(bytes.count / 2)))
        case .rubbish(let bytes): return MessageBytes(bytes)
        case .failing(let error): throw error
        }
    }
}

extension RPCMethod where Output == MessageBytes {
    /// The same method, with answers of any bytes.
    fileprivate init<Response>(_ method: RPCMethod<Input, Response>) {
        self.init(service: method.service, name: method.name)
    }
}

/// Serves a Workload API on a Unix socket of its own while `body` runs.
///
/// - Parameters:
///   - ca: Who issues what is granted.
///   - body: What runs meanwhile.
/// - Throws: What `body` throws; what opening the socket threw.
public func withTestWorkloadAPI<Result>(
    _ ca: TestCA, _ body: (TestWorkloadAPI) async throws -> Result
) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "spiffe-testing-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let socket = folder.appending(path: "api.sock").path
    let api = try TestWorkloadAPI(ca, socketPath: socket)
    let server = RPCServer(
        listeners: [RPCListener(.unix(path: socket, socketMode: 0o600, directoryMode: 0o700), routes: api.routes())],
        logger: Logger(label: "spiffe-testing", factory: { _ in SwiftLogNoOpLogHandler() }))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run() }
        defer { group.cancelAll() }
        _ = try await server.boundAddress(of: 0)
        return try await body(api)
    }
}
