import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Services that can be called with access tokens.",
        subcommands: [ServiceCreate.self, ServiceList.self, ServiceShow.self, ServiceDelete.self])
}

struct ServiceCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Register a service.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The service's name: a-z, 0-9, '.', '_', '-'.") var name: String
    @Option(help: "The service's SPIFFE ID; with /* after it: everything below.") var spiffeID: String
    @Option(help: "The aud of its tokens, a URI (default: the SPIFFE ID).") var audience: String?
    @Option(help: "Who answers for it; repeatable, the first owns its policy file.") var owner: [String] = []
    @Option(help: "What the service is.") var description: String?
    @Option(help: "identity (the peer is the token's sub) or certificate (and presents the certificate it names).")
    var binding: BindingOption = .identity

    func run() async throws {
        guard !self.owner.isEmpty else { throw UsageError("--owner is required") }
        let request = Signet_Server_V1_CreateServiceRequest.with {
            $0.service.name = self.name
            $0.service.spiffeID = self.spiffeID
            $0.service.audience = self.audience ?? ""
            $0.service.owners = self.owner
            $0.service.description_p = self.description ?? ""
            $0.service.binding = self.binding.proto
        }
        let service = try await self.server.withServer { client in
            try await client.call(AccessMethods.createService, request, timeout: SocketClient.timeout)
        }
        try self.server.show(service) { Console.print(service.text) }
    }
}

/// `--binding` as it is written.
enum BindingOption: String, CaseIterable, ExpressibleByArgument {
    case identity
    case certificate

    var proto: Signet_Server_V1_Binding {
        switch self {
        case .identity: .identity
        case .certificate: .certificate
        }
    }
}

struct ServiceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the services, by name.")

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let list = try await self.server.withServer { client in
            var all = Signet_Server_V1_ListServicesResponse()
            var request = Signet_Server_V1_ListServicesRequest()
            repeat {
                let page = try await client.call(AccessMethods.listServices, request, timeout: SocketClient.timeout)
                all.services += page.services
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            return all
        }
        try self.server.show(list) {
            Console.print("Found \(list.services.count) \(list.services.count == 1 ? "service" : "services")")
            for service in list.services { Console.print(service.text) }
        }
    }
}

struct ServiceShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one service.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The service's name or audience URI.") var name: String

    func run() async throws {
        let service = try await self.server.withServer { client in
            try await client.call(
                AccessMethods.getService, .with { $0.name = self.name }, timeout: SocketClient.timeout)
        }
        try self.server.show(service) { Console.print(service.text) }
    }
}

struct ServiceDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a service.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The service's name.") var name: String
    @Flag(help: "Delete the grants to it, too.") var withGrants = false

    func run() async throws {
        let request = Signet_Server_V1_DeleteServiceRequest.with {
            $0.name = self.name
            $0.deleteGrants = self.withGrants
        }
        let response = try await self.server.withServer { client in
            try await client.call(AccessMethods.deleteService, request, timeout: SocketClient.timeout)
        }
        try self.server.show(response) {
            Console.print("Deleted service \(self.name) and \(response.deletedGrants) grants")
        }
    }
}
