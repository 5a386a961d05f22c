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
    private enum State: Sendable {
        case silent
        case granted(svids: [SPIFFE.X509SVID], federated: [TrustBundle])
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
    /// - Parameters:
    ///   - paths: One or more.
    ///   - lifetime: How long the X509-SVIDs are valid. Default: an hour.
    ///   - federated: The bundles of other trust domains. Default: none.
    public func grant(_ paths: String..., lifetime: Duration = .seconds(3_600), federated: [TrustBundle] = []) throws {
        self.send(try paths.map { try self.ca.x509SVID($0, lifetime: lifetime) }, federated: federated)
    }

    /// Sends these X509-SVIDs on each open stream, whatever they are, with the bundle of the authority.
    public func send(_ svids: [SPIFFE.X509SVID], federated: [TrustBundle] = []) {
        self.state.publish(.granted(svids: svids, federated: federated))
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
        routes.serverStream(WorkloadAPIMethods.fetchX509SVID) { _, context, writer in
            try await self.follow(context) { try await writer.write(self.x509SVIDs($0, federated: $1)) }
        }
        routes.serverStream(WorkloadAPIMethods.fetchX509Bundles) { _, context, writer in
            try await self.follow(context) { _, federated in
                var response = X509BundlesResponse()
                for bundle in federated + [self.ca.bundle] {
                    response.bundles[bundle.trustDomain.id.uri] = Data(bundle.x509AuthoritiesDER())
                }
                try await writer.write(response)
            }
        }
        routes.serverStream(WorkloadAPIMethods.fetchJWTBundles) { _, context, writer in
            try await self.follow(context) { _, federated in
                var response = JWTBundlesResponse()
                for bundle in federated + [self.ca.bundle] {
                    response.bundles[bundle.trustDomain.id.uri] = Data(bundle.jwtKeySet())
                }
                try await writer.write(response)
            }
        }
        routes.unary(WorkloadAPIMethods.fetchJWTSVID) { request, context in
            try Self.checkHeader(context)
            return try self.jwtSVIDs(request)
        }
        routes.unary(WorkloadAPIMethods.validateJWTSVID) { request, context in
            try Self.checkHeader(context)
            return try self.validate(request)
        }
        return routes
    }

    private static func checkHeader(_ context: RPCContext) throws {
        guard context.header("workload.spiffe.io") == ["true"] else {
            throw RPCError(code: .invalidArgument, message: "security header missing from request")
        }
    }

    /// Sends what is granted now and then, until something else is said.
    private func follow(
        _ context: RPCContext, _ send: (_ svids: [SPIFFE.X509SVID], _ federated: [TrustBundle]) async throws -> Void
    ) async throws {
        try Self.checkHeader(context)
        for await state in self.state.updates() {
            switch state {
            case .silent: continue
            case .granted(let svids, let federated): try await send(svids, federated)
            case .failing(let error): throw error
            }
        }
    }

    private func x509SVIDs(_ svids: [SPIFFE.X509SVID], federated: [TrustBundle]) -> X509SVIDResponse {
        var response = X509SVIDResponse()
        response.svids = svids.map { svid in
            var message = WorkloadAPIProtos.X509SVID()
            message.spiffeID = svid.id.uri
            message.x509Svid = Data(svid.certificatesDER)
            message.x509SvidKey = Data(svid.privateKeyPKCS8DER)
            message.bundle = Data(self.ca.bundle.x509AuthoritiesDER())
            message.hint = svid.hint
            return message
        }
        for bundle in federated {
            response.federatedBundles[bundle.trustDomain.id.uri] = Data(bundle.x509AuthoritiesDER())
        }
        return response
    }

    private func granted() throws -> (svids: [SPIFFE.X509SVID], federated: [TrustBundle]) {
        switch self.state.current {
        case .silent: throw RPCError(code: .permissionDenied, message: "no identity issued")
        case .granted(let svids, let federated): return (svids, federated)
        case .failing(let error): throw error
        }
    }

    private func jwtSVIDs(_ request: JWTSVIDRequest) throws -> JWTSVIDResponse {
        var response = JWTSVIDResponse()
        for svid in try self.granted().svids where request.spiffeID.isEmpty || request.spiffeID == svid.id.uri {
            var message = WorkloadAPIProtos.JWTSVID()
            message.spiffeID = svid.id.uri
            message.svid = try self.ca.jwtSVID(svid.id.path, audience: request.audience)
            message.hint = svid.hint
            response.svids.append(message)
        }
        guard !response.svids.isEmpty else { throw RPCError(code: .permissionDenied, message: "no identity issued") }
        return response
    }

    private func validate(_ request: ValidateJWTSVIDRequest) throws -> ValidateJWTSVIDResponse {
        let bundles = TrustBundles(try self.granted().federated + [self.ca.bundle])
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
