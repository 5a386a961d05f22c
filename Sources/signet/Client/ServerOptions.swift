import ArgumentParser
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import ProtoRPC
import SwiftProtobuf

/// A connected control plane: what every administrator's command calls.
typealias ServerClient = GRPCClient<HTTP2ClientTransport.Posix>

/// The options of commands that talk to the administrator's socket.
struct ServerOptions: ParsableArguments {
    @Option(help: "The server's socket (default: $SIGNET_SERVER_SOCKET, else \(DefaultPath.serverSocket)).")
    var socketPath: String?

    @Option(help: "pretty or json: json is the reply as protobuf JSON.") var output: OutputFormat = .pretty

    var path: String {
        self.socketPath ?? ProcessInfo.processInfo.environment["SIGNET_SERVER_SOCKET"] ?? DefaultPath.serverSocket
    }

    /// Connects, runs `body`, and disconnects.
    ///
    /// - Throws: ``CommandError`` when nobody listens; the server's `RPCError` when it refuses.
    func withServer<Result: Sendable>(
        _ body: @Sendable (ServerClient) async throws -> Result
    ) async throws -> Result {
        try await SocketClient.connect(
            to: self.path, advice: "is the server running? Start it with: signet server run", body)
    }

    /// Prints `message` as JSON, or calls `pretty`.
    func show(_ message: some Message, pretty: () throws -> Void) throws {
        switch self.output {
        case .json: Console.print(try ReplyJSON.text(of: message))
        case .pretty: try pretty()
        }
    }
}

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case pretty
    case json
}

/// gRPC over a Unix socket of this machine.
enum SocketClient {
    /// How long an administrator's call may take.
    static let timeout: Duration = .seconds(30)

    static func connect<Result: Sendable>(
        to path: String, advice: String, _ body: @Sendable (ServerClient) async throws -> Result
    ) async throws -> Result {
        try Self.checkAccess(to: path, advice: advice)
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        do {
            return try await GRPCClient(transport: transport).running(body)
        } catch let error as RPCError where error.code == .unavailable && error.cause != nil {
            throw CommandError("cannot connect to \(path): \(advice)")
        }
    }

    /// Tells a socket that may not be reached from one that is not there.
    private static func checkAccess(to path: String, advice: String) throws {
        guard unsafe access(path, R_OK | W_OK) != 0 else { return }
        let failure = errno
        guard failure != ENOENT else { throw CommandError("no socket at \(path): \(advice)") }
        let reason = unsafe String(cString: strerror(failure))
        throw CommandError("\(path): \(reason); run this as the owner of the socket or in its group")
    }
}
