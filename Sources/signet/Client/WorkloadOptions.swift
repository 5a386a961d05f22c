import ArgumentParser
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import ProtoRPC
import SwiftProtobuf
import WorkloadAPI

/// The options of commands that play a workload.
struct WorkloadOptions: ParsableArguments {
    @Option(
        help:
            "The agent's socket (default: $SPIFFE_ENDPOINT_SOCKET, $SIGNET_AGENT_SOCKET, else \(DefaultPath.agentSocket))."
    )
    var socketPath: String?

    @Option(help: "pretty or json: json is the reply as protobuf JSON.") var output: OutputFormat = .pretty

    @Option(help: "How long to wait for the reply.") var timeout: TimeoutOption = .init(duration: .seconds(5))

    /// The header the Workload API demands of every call (SPIFFE Workload Endpoint §3).
    static let metadata: Metadata = ["workload.spiffe.io": "true"]

    func path() throws -> String {
        if let socketPath { return socketPath }
        let environment = ProcessInfo.processInfo.environment
        guard let uri = environment["SPIFFE_ENDPOINT_SOCKET"] else {
            return environment["SIGNET_AGENT_SOCKET"] ?? DefaultPath.agentSocket
        }
        do {
            guard case .unix(let path) = try WorkloadAPIAddress(parsing: uri).endpoint else {
                throw UsageError("SPIFFE_ENDPOINT_SOCKET: '\(uri)' is not a Unix socket; use --socket-path")
            }
            return path
        } catch let error as WorkloadAPIAddressError {
            throw UsageError("SPIFFE_ENDPOINT_SOCKET: '\(uri)': \(error)")
        }
    }

    func withAgent<Result: Sendable>(_ body: @Sendable (ServerClient) async throws -> Result) async throws -> Result {
        try await SocketClient.connect(
            to: try self.path(), advice: "is the agent running and attested? Start it with: signet agent run", body)
    }

    func show(_ message: some Message, pretty: () throws -> Void) throws {
        switch self.output {
        case .json: Console.print(try ReplyJSON.text(of: message))
        case .pretty: try pretty()
        }
    }
}

/// A duration on the command line: seconds, or a number with its unit as `500ms`.
struct TimeoutOption: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    var description: String { DurationText.format(self.duration) }
    var defaultValueDescription: String { self.description }

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard let duration = DurationText.parse(argument) ?? DurationText.parse(argument + "s") else { return nil }
        self.duration = duration
    }
}
