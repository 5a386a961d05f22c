import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import ProtoRPC

/// `signet healthcheck`: asks `grpc.health.v1` on the socket; exit 1 until it serves.
struct HealthCheck: AsyncParsableCommand {
    enum Component: String, CaseIterable, ExpressibleByArgument {
        case server
        case agent
    }

    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Ask a server or an agent whether it serves; exit 1 when it does not.")

    @Argument(help: "server or agent: whose socket is asked.") var component: Component = .server
    @Flag(help: "Accepted as SPIRE's probes give it: there is one check, and it is cheap.") var shallow = false
    @Option(help: "The socket to ask (default: the component's).") var socketPath: String?

    func run() async throws {
        let path = self.socketPath ?? self.defaultPath
        let response = try await SocketClient.connect(to: path, advice: "the \(self.component.rawValue) does not serve")
        { client in
            try await client.call(HealthMethods.check, .init(), timeout: .seconds(5))
        }
        guard response.status == .serving else { throw CommandError("\(path) answers, but does not serve") }
        Console.print("healthy: \(path)")
    }

    private var defaultPath: String {
        let environment = ProcessInfo.processInfo.environment
        switch self.component {
        case .server: return environment["SIGNET_SERVER_SOCKET"] ?? DefaultPath.serverSocket
        case .agent: return environment["SIGNET_AGENT_SOCKET"] ?? DefaultPath.agentSocket
        }
    }
}
