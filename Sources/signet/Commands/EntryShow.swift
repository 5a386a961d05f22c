import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

/// The options that choose registration entries.
struct EntryFilterOptions: ParsableArguments {
    @Option(help: "Entries for this SPIFFE ID.") var spiffeID: String?
    @Option(help: "Entries of this parent.") var parentID: String?
    @Option(help: "A selector type:value; repeatable.") var selector: [String] = []
    @Option(help: "exact, any, superset or subset (default: superset).") var matchSelectorsOn: MatchOption = .superset
    @Option(help: "A trust domain; repeatable.") var federatesWith: [String] = []
    @Option(help: "exact, any, superset or subset (default: superset).") var matchFederatesWithOn: MatchOption =
        .superset
    @Option(help: "Entries with this hint.") var hint: String?
    @Flag(help: "Only entries of downstream servers.") var downstream = false

    func filter() throws -> Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter {
        var filter = Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter()
        if let spiffeID { filter.bySpiffeID = try .init(argument: spiffeID, option: "--spiffe-id") }
        if let parentID { filter.byParentID = try .init(argument: parentID, option: "--parent-id") }
        if !self.selector.isEmpty {
            filter.bySelectors.selectors = try self.selector.map { try .init(argument: $0) }
            filter.bySelectors.match = self.matchSelectorsOn.ofSelectors
        }
        if !self.federatesWith.isEmpty {
            filter.byFederatesWith.trustDomains = self.federatesWith
            filter.byFederatesWith.match = self.matchFederatesWithOn.ofTrustDomains
        }
        if let hint { filter.byHint = .init(hint) }
        if self.downstream { filter.byDownstream = true }
        return filter
    }
}

/// How a set given on the command line relates to the set of an entry or an agent.
enum MatchOption: String, CaseIterable, ExpressibleByArgument {
    case exact
    case any
    case superset
    case subset

    var ofSelectors: Spire_Api_Types_SelectorMatch.MatchBehavior {
        switch self {
        case .exact: .matchExact
        case .any: .matchAny
        case .superset: .matchSuperset
        case .subset: .matchSubset
        }
    }

    var ofTrustDomains: Spire_Api_Types_FederatesWithMatch.MatchBehavior {
        switch self {
        case .exact: .matchExact
        case .any: .matchAny
        case .superset: .matchSuperset
        case .subset: .matchSubset
        }
    }
}

struct EntryShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show registration entries.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var options: EntryFilterOptions
    @Option(help: "The entry with this ID.") var entryID: String?

    func run() async throws {
        let filter = try self.options.filter()
        let response = try await self.server.withServer { client in
            guard let entryID else { return try await Self.list(filter, with: client) }
            let request = Spire_Api_Server_Entry_V1_GetEntryRequest.with { $0.id = entryID }
            let entry = try await client.call(EntryMethods.getEntry, request, timeout: SocketClient.timeout)
            return .with { $0.entries = [entry] }
        }
        try self.server.show(response) {
            Console.print("Found \(response.entries.count) \(response.entries.count == 1 ? "entry" : "entries")")
            for entry in response.entries { Console.print(entry.text) }
        }
    }

    private static func list(
        _ filter: Spire_Api_Server_Entry_V1_ListEntriesRequest.Filter, with client: ServerClient
    ) async throws -> Spire_Api_Server_Entry_V1_ListEntriesResponse {
        var all = Spire_Api_Server_Entry_V1_ListEntriesResponse()
        var request = Spire_Api_Server_Entry_V1_ListEntriesRequest.with {
            $0.filter = filter
            $0.pageSize = 1000
        }
        repeat {
            let page = try await client.call(EntryMethods.listEntries, request, timeout: SocketClient.timeout)
            all.entries += page.entries
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return all
    }
}

struct EntryCount: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "count", abstract: "Count registration entries.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var options: EntryFilterOptions

    func run() async throws {
        let listed = try self.options.filter()
        let request = Spire_Api_Server_Entry_V1_CountEntriesRequest.with {
            if listed.hasBySpiffeID { $0.filter.bySpiffeID = listed.bySpiffeID }
            if listed.hasByParentID { $0.filter.byParentID = listed.byParentID }
            if listed.hasBySelectors { $0.filter.bySelectors = listed.bySelectors }
            if listed.hasByFederatesWith { $0.filter.byFederatesWith = listed.byFederatesWith }
            if listed.hasByHint { $0.filter.byHint = listed.byHint }
            if listed.hasByDownstream { $0.filter.byDownstream = listed.byDownstream }
        }
        let response = try await self.server.withServer { client in
            try await client.call(EntryMethods.countEntries, request, timeout: SocketClient.timeout)
        }
        try self.server.show(response) {
            Console.print("\(response.count) registration \(response.count == 1 ? "entry" : "entries")")
        }
    }
}
