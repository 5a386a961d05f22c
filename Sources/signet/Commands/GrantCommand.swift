import ArgumentParser
import ControlPlaneProtos
import FoundationEssentials
import ProtoRPC
import SwiftProtobuf

struct GrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant", abstract: "Grants: which caller may have tokens with which scopes for which service.",
        subcommands: [
            GrantCreate.self, GrantList.self, GrantShow.self, GrantDelete.self, GrantWhoCanCall.self, GrantTest.self,
        ])
}

struct GrantCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Grant scopes to a caller.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The caller's SPIFFE ID; with /* after it: everything below.") var from: String
    @Option(help: "The name of the service to be called.") var to: String
    @Option(help: "A scope; repeatable.") var scope: [String] = []
    @Option(help: "How long tokens live, 5m to 15m (default: as the server has it).") var maxLifetime: String?
    @Option(help: "When the grant ends: 2026-12-31T18:00:00Z, or a duration from now.") var notAfter: String?
    @Option(help: "Why.") var reason: String?

    func run() async throws {
        guard !self.scope.isEmpty else { throw UsageError("--scope is required") }
        let lifetime = try self.maxLifetime.map { try MomentText.seconds($0, option: "--max-lifetime") }
        let notAfter = try self.notAfter.map { try MomentText.parse($0, option: "--not-after", now: Date()) }
        let request = Signet_Server_V1_CreateGrantRequest.with {
            $0.grant.caller = self.from
            $0.grant.service = self.to
            $0.grant.scopes = self.scope
            $0.grant.maximumLifetime = lifetime ?? 0
            $0.grant.notAfter = notAfter ?? 0
            $0.grant.reason = self.reason ?? ""
        }
        let grant = try await self.server.withServer { client in
            try await client.call(AccessMethods.createGrant, request, timeout: SocketClient.timeout)
        }
        try self.server.show(grant) { Console.print(grant.text) }
    }
}

/// Lists grants, page after page.
enum GrantListing {
    static func all(
        _ request: Signet_Server_V1_ListGrantsRequest, with client: ServerClient
    ) async throws -> Signet_Server_V1_ListGrantsResponse {
        var request = request
        var all = Signet_Server_V1_ListGrantsResponse()
        repeat {
            let page = try await client.call(AccessMethods.listGrants, request, timeout: SocketClient.timeout)
            all.grants += page.grants
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return all
    }
}

struct GrantList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List grants, also those that have ended.")

    @OptionGroup var server: ServerOptions
    @Option(help: "Grants that name this SPIFFE ID, exactly or by a prefix.") var from: String?
    @Option(help: "Grants to this service, by name or audience URI.") var to: String?
    @Flag(help: "Only those that have not ended.") var inForce = false

    func run() async throws {
        let request = Signet_Server_V1_ListGrantsRequest.with {
            $0.caller = self.from ?? ""
            $0.service = self.to ?? ""
            $0.onlyInForce = self.inForce
        }
        let list = try await self.server.withServer { try await GrantListing.all(request, with: $0) }
        try self.server.show(list) {
            Console.print("Found \(list.grants.count) \(list.grants.count == 1 ? "grant" : "grants")")
            for grant in list.grants { Console.print(grant.text) }
        }
    }
}

struct GrantShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one grant.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The grant's ID.") var id: String

    func run() async throws {
        let grant = try await self.server.withServer { client in
            try await client.call(AccessMethods.getGrant, .with { $0.id = self.id }, timeout: SocketClient.timeout)
        }
        try self.server.show(grant) { Console.print(grant.text) }
    }
}

struct GrantDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a grant; tokens that were issued by it live on: see signet revoke.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The grant's ID.") var id: String

    func run() async throws {
        let response = try await self.server.withServer { client in
            try await client.call(AccessMethods.deleteGrant, .with { $0.id = self.id }, timeout: SocketClient.timeout)
        }
        try self.server.show(response) { Console.print("Deleted grant \(self.id)") }
    }
}

struct GrantWhoCanCall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "who-can-call", abstract: "List who may call a service now, with which scopes.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The service's name or audience URI.") var name: String

    func run() async throws {
        let request = Signet_Server_V1_ListGrantsRequest.with {
            $0.service = self.name
            $0.onlyInForce = true
        }
        let list = try await self.server.withServer { try await GrantListing.all(request, with: $0) }
        try self.server.show(list) {
            for grant in list.grants.sorted(by: { $0.caller < $1.caller }) {
                let end = grant.notAfter == 0 ? "" : " until \(Date(unixSeconds: grant.notAfter).text)"
                Console.print("\(grant.caller): \(grant.scopes.joined(separator: " "))\(end)".oneLine)
            }
            if list.grants.isEmpty { Console.print("Nobody may call \(self.name)") }
        }
    }
}

struct GrantTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Say whether a caller would get a token now, and why.",
        discussion: "Exit code 1 when it would not.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The caller's SPIFFE ID.") var from: String
    @Option(help: "The service's name or audience URI.") var to: String
    @Option(help: "A scope; repeatable (default: everything that is granted).") var scope: [String] = []

    func run() async throws {
        let request = Signet_Server_V1_TestGrantRequest.with {
            $0.caller = self.from
            $0.audience = self.to
            $0.scopes = self.scope
        }
        let answer = try await self.server.withServer { client in
            try await client.call(AccessMethods.testGrant, request, timeout: SocketClient.timeout)
        }
        try self.server.show(answer) {
            Console.print(answer.text)
        }
        guard answer.granted else { throw CommandError("refused: \(answer.explanation.oneLine)") }
    }
}
