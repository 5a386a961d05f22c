import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import PeerTransport
import TestSupport

typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

/// A server at a Unix socket of its own.
struct RunningServer: Sendable {
    let server: RPCServer
    let path: String

    /// Runs `body` with a gRPC Swift client of the server.
    func withClient<Result: Sendable>(_ body: (_ client: Client) async throws -> Result) async throws -> Result {
        try await withGRPCClient(
            transport: .http2NIOPosix(target: .unixDomainSocket(path: self.path), transportSecurity: .plaintext),
            handleClient: body)
    }
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs a server while `body` runs.
func withServer<Result: Sendable>(
    limits: RPCLimits = RPCLimits(), logger: Logger = quietLogger, _ register: (inout RPCRoutes) throws -> Void,
    _ body: (_ running: RunningServer) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let path = directory.path("run/test.sock")
        var routes = RPCRoutes()
        try register(&routes)
        let server = RPCServer(
            listeners: [
                RPCListener(.unix(path: path, socketMode: 0o600, directoryMode: 0o700), routes: routes, limits: limits)
            ],
            logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await server.run() } catch is CancellationError {}
            }
            _ = try await server.boundAddress(of: 0)
            let result = try await body(RunningServer(server: server, path: path))
            group.cancelAll()
            return result
        }
    }
}
