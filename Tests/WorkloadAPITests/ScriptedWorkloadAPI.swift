import GRPCCore
import Logging
import PeerTransport
import ProtoRPC
import Rotation
import Synchronization
import TestSupport
import WorkloadAPI
import WorkloadAPIProtos

/// What a scripted Workload API does during one call of a stream.
enum Step<Output: Sendable>: Sendable {
    case send(Output)
    case fail(RPCError.Code, String)
    /// Waits until the test says so.
    case wait(Gate)
    /// Keeps the stream open until the client goes.
    case hold
}

/// Something that a test opens once.
final class Gate: Sendable {
    private let opened = Watched(false)

    func open() { self.opened.publish(true) }

    func wait() async throws {
        for await isOpen in self.opened.updates() where isOpen { return }
        throw CancellationError()
    }
}

/// A Workload API on a real socket that does what the test wrote down, call by call.
///
/// A stream that is called more often than the script foresees is held open.
final class ScriptedWorkloadAPI: Sendable {
    struct Call: Sendable, Equatable {
        let path: String
        let header: [String]
    }

    let directory: TemporaryDirectory
    private let received = Watched<[Call]>([])
    private let receivedWITRequests = Recorded<WITSVIDRequest>()
    private let x509 = Mutex<[[Step<X509SVIDResponse>]]>([])
    private let x509Bundles = Mutex<[[Step<X509BundlesResponse>]]>([])
    private let jwtBundles = Mutex<[[Step<JWTBundlesResponse>]]>([])
    private let witSVIDs = Mutex<[[Step<WITSVIDResponse>]]>([])
    private let witBundles = Mutex<[[Step<WITBundlesResponse>]]>([])
    private let jwtSVIDs = Mutex<[@Sendable (JWTSVIDRequest) async throws -> JWTSVIDResponse]>([])
    private let validation = Mutex<[@Sendable (ValidateJWTSVIDRequest) throws -> ValidateJWTSVIDResponse]>([])

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    var socketPath: String { self.directory.path("api.sock") }
    var witRequests: [WITSVIDRequest] { self.receivedWITRequests.values }
    var calls: [Call] { self.received.current }

    /// Waits until there were this many calls.
    func waitForCalls(_ count: Int) async throws {
        for await calls in self.received.updates() where calls.count >= count { return }
        throw CancellationError()
    }

    func x509(_ steps: Step<X509SVIDResponse>...) { self.x509.withLock { $0.append(steps) } }
    func x509Bundles(_ steps: Step<X509BundlesResponse>...) { self.x509Bundles.withLock { $0.append(steps) } }
    func jwtBundles(_ steps: Step<JWTBundlesResponse>...) { self.jwtBundles.withLock { $0.append(steps) } }
    func witSVIDs(_ steps: Step<WITSVIDResponse>...) { self.witSVIDs(steps) }
    func witSVIDs(_ steps: [Step<WITSVIDResponse>]) { self.witSVIDs.withLock { $0.append(steps) } }
    func witBundles(_ steps: Step<WITBundlesResponse>...) { self.witBundles(steps) }
    func witBundles(_ steps: [Step<WITBundlesResponse>]) { self.witBundles.withLock { $0.append(steps) } }
    func jwtSVID(_ answer: @escaping @Sendable (JWTSVIDRequest) async throws -> JWTSVIDResponse) {
        self.jwtSVIDs.withLock { $0.append(answer) }
    }
    func validation(_ answer: @escaping @Sendable (ValidateJWTSVIDRequest) throws -> ValidateJWTSVIDResponse) {
        self.validation.withLock { $0.append(answer) }
    }

    /// - Parameter instants: The time at which SVIDs are judged. Default: that of the test authorities.
    func client(instants: Instants = ManualInstants().instants, seed: UInt64 = 1) throws -> WorkloadAPIClient {
        WorkloadAPIClient(
            address: try WorkloadAPIAddress(socketPath: self.socketPath), instants: instants,
            makeGenerator: { SeededRandom(seed: seed) })
    }

    /// Serves while `body` runs.
    @discardableResult
    func serve<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let server = RPCServer(
            listeners: [
                RPCListener(
                    .unix(path: self.socketPath, socketMode: 0o777, directoryMode: 0o755), routes: self.routes())
            ],
            logger: Logger(label: "scripted", factory: { _ in SwiftLogNoOpLogHandler() }))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            _ = try await server.boundAddress(of: 0)
            let result = try await body()
            group.cancelAll()
            return result
        }
    }

    private func routes() -> RPCRoutes {
        var routes = RPCRoutes()
        routes.serverStream(WorkloadAPIMethods.fetchX509SVID) { _, context, writer in
            self.note(context)
            try await self.play(self.x509.next(), to: writer)
        }
        routes.serverStream(WorkloadAPIMethods.fetchX509Bundles) { _, context, writer in
            self.note(context)
            try await self.play(self.x509Bundles.next(), to: writer)
        }
        routes.serverStream(WorkloadAPIMethods.fetchJWTBundles) { _, context, writer in
            self.note(context)
            try await self.play(self.jwtBundles.next(), to: writer)
        }
        routes.serverStream(WorkloadAPIMethods.fetchWITSVID) { request, context, writer in
            self.note(context)
            self.receivedWITRequests.append(request)
            try await self.play(self.witSVIDs.next(), to: writer)
        }
        routes.serverStream(WorkloadAPIMethods.fetchWITBundles) { _, context, writer in
            self.note(context)
            try await self.play(self.witBundles.next(), to: writer)
        }
        routes.unary(WorkloadAPIMethods.fetchJWTSVID) { request, context in
            self.note(context)
            guard let answer = self.jwtSVIDs.next() else { throw RPCError(code: .unavailable, message: "no script") }
            return try await answer(request)
        }
        routes.unary(WorkloadAPIMethods.validateJWTSVID) { request, context in
            self.note(context)
            guard let answer = self.validation.next() else { throw RPCError(code: .unavailable, message: "no script") }
            return try answer(request)
        }
        // What a client might ask for besides; no test expects it.
        for service in ["grpc.reflection.v1.ServerReflection", "envoy.service.secret.v3.SecretDiscoveryService"] {
            for name in ["ServerReflectionInfo", "StreamSecrets", "FetchSecrets"] {
                let method = RPCMethod<X509SVIDRequest, X509SVIDResponse>(service: service, name: name)
                routes.serverStream(method) { _, context, _ in
                    self.note(context)
                    throw RPCError(code: .unimplemented, message: "the Workload API and nothing else")
                }
            }
        }
        return routes
    }

    private let noting = Mutex(())

    private func note(_ context: RPCContext) {
        let call = Call(path: context.path, header: context.header("workload.spiffe.io"))
        self.noting.withLock { _ in self.received.publish(self.received.current + [call]) }
    }

    private func play<Output>(_ steps: [Step<Output>]?, to writer: RPCWriter<Output>) async throws {
        for step in steps ?? [.hold] {
            switch step {
            case .send(let message): try await writer.write(message)
            case .fail(let code, let message): throw RPCError(code: code, message: message)
            case .wait(let gate): try await gate.wait()
            case .hold: try await Gate().wait()
            }
        }
    }
}

extension Mutex {
    /// Takes the first of what is scripted.
    fileprivate borrowing func next<Element: Sendable>() -> Element? where Value == [Element] {
        self.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    }
}
