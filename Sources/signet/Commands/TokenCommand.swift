import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Join tokens for new agents.", subcommands: [TokenGenerate.self])
}

struct TokenGenerate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make a join token: one agent, once, within its lifetime.")

    @OptionGroup var server: ServerOptions
    @Option(help: "A SPIFFE ID the agent is given besides its own.") var spiffeID: String?
    @Option(help: "Seconds the token can be used, or as 1h.", transform: LifetimeOption.init(argument:))
    var ttl = LifetimeOption(seconds: 600)

    func run() async throws {
        guard self.ttl.seconds > 0 else { throw UsageError("--ttl: '\(self.ttl)' is not a positive number of seconds") }
        let alias = try self.spiffeID.map { try Spire_Api_Types_SPIFFEID(argument: $0, option: "--spiffe-id") }
        let request = Spire_Api_Server_Agent_V1_CreateJoinTokenRequest.with {
            $0.ttl = self.ttl.seconds
            if let alias { $0.agentID = alias }
        }
        let token = try await self.server.withServer { client in
            try await client.call(AgentMethods.createJoinToken, request, timeout: SocketClient.timeout)
        }
        try self.server.show(token) { Console.print("Token: \(token.value)") }
    }
}
