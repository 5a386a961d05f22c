import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "The node agent, and what the server knows of agents.",
        subcommands: [
            AgentRun.self, AgentList.self, AgentShow.self, AgentBan.self, AgentEvict.self, AgentCount.self,
        ])
}

/// The options that choose agents.
struct AgentFilterOptions: ParsableArguments {
    @Option(help: "A selector type:value; repeatable.") var selector: [String] = []
    @Option(help: "exact, any, superset or subset (default: superset).") var matchSelectorsOn: MatchOption = .superset
    @Option(help: "Agents attested this way, as join_token.") var attestationType: String?
    @Option(help: "true or false.") var canReattest: Bool?
    @Option(help: "true or false.") var banned: Bool?
    @Option(help: "Agents whose certificate ends before this moment: \"2006-01-02 15:04:05 -0700 -07\".")
    var expiresBefore: String?

    func filter() throws -> Spire_Api_Server_Agent_V1_ListAgentsRequest.Filter {
        var filter = Spire_Api_Server_Agent_V1_ListAgentsRequest.Filter()
        if !self.selector.isEmpty {
            filter.bySelectorMatch.selectors = try self.selector.map { try .init(argument: $0) }
            filter.bySelectorMatch.match = self.matchSelectorsOn.ofSelectors
        }
        if let attestationType { filter.byAttestationType = attestationType }
        if let canReattest { filter.byCanReattest = .init(canReattest) }
        if let banned { filter.byBanned = .init(banned) }
        if let expiresBefore { filter.byExpiresBefore = expiresBefore }
        return filter
    }
}

struct AgentList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List attested agents.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var options: AgentFilterOptions

    func run() async throws {
        let filter = try self.options.filter()
        let response = try await self.server.withServer { client in
            var all = Spire_Api_Server_Agent_V1_ListAgentsResponse()
            var request = Spire_Api_Server_Agent_V1_ListAgentsRequest.with {
                $0.filter = filter
                $0.pageSize = 1000
            }
            repeat {
                let page = try await client.call(AgentMethods.listAgents, request, timeout: SocketClient.timeout)
                all.agents += page.agents
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            return all
        }
        try self.server.show(response) {
            guard !response.agents.isEmpty else { return Console.print("No attested agents found") }
            let count = response.agents.count
            Console.print("Found \(count) attested \(count == 1 ? "agent" : "agents"):\n")
            for agent in response.agents { Console.print(agent.text) }
        }
    }
}

struct AgentCount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "count", abstract: "Count attested agents.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var options: AgentFilterOptions

    func run() async throws {
        let listed = try self.options.filter()
        let request = Spire_Api_Server_Agent_V1_CountAgentsRequest.with {
            $0.filter.byAttestationType = listed.byAttestationType
            if listed.hasBySelectorMatch { $0.filter.bySelectorMatch = listed.bySelectorMatch }
            if listed.hasByBanned { $0.filter.byBanned = listed.byBanned }
            if listed.hasByCanReattest { $0.filter.byCanReattest = listed.byCanReattest }
            $0.filter.byExpiresBefore = listed.byExpiresBefore
        }
        let response = try await self.server.withServer { client in
            try await client.call(AgentMethods.countAgents, request, timeout: SocketClient.timeout)
        }
        try self.server.show(response) {
            Console.print("\(response.count) attested \(response.count == 1 ? "agent" : "agents")")
        }
    }
}

struct AgentShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one attested agent.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The agent's SPIFFE ID.") var spiffeID: String

    func run() async throws {
        let id = try Spire_Api_Types_SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let agent = try await self.server.withServer { client in
            try await client.call(AgentMethods.getAgent, .with { $0.id = id }, timeout: SocketClient.timeout)
        }
        try self.server.show(agent) { Console.print("Found an attested agent given its SPIFFE ID\n\n\(agent.text)") }
    }
}

struct AgentBan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ban", abstract: "End an agent's identity; it cannot come back with the same one.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The agent's SPIFFE ID.") var spiffeID: String

    func run() async throws {
        let id = try Spire_Api_Types_SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let reply = try await self.server.withServer { client in
            try await client.call(AgentMethods.banAgent, .with { $0.id = id }, timeout: SocketClient.timeout)
        }
        try self.server.show(reply) { Console.print("Agent banned successfully, SPIFFE ID: \(id.text)") }
    }
}

struct AgentEvict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict", abstract: "Forget an agent; it may attest again.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The agent's SPIFFE ID.") var spiffeID: String

    func run() async throws {
        let id = try Spire_Api_Types_SPIFFEID(argument: self.spiffeID, option: "--spiffe-id")
        let reply = try await self.server.withServer { client in
            try await client.call(AgentMethods.deleteAgent, .with { $0.id = id }, timeout: SocketClient.timeout)
        }
        try self.server.show(reply) { Console.print("Agent evicted successfully, SPIFFE ID: \(id.text)") }
    }
}
