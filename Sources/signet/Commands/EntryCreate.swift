import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

struct EntryCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Create registration entries.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var content: EntryContentOptions
    @Option(help: "An ID of your own choice (default: a new UUID).") var entryID: String?

    func run() async throws {
        let entries = try self.content.entries(id: self.entryID)
        let response = try await self.server.withServer { client in
            var response = Spire_Api_Server_Entry_V1_BatchCreateEntryResponse()
            for batch in entries.batches(of: EntryBatch.size) {
                let request = Spire_Api_Server_Entry_V1_BatchCreateEntryRequest.with { $0.entries = batch }
                response.results += try await client.call(
                    EntryMethods.batchCreateEntry, request, timeout: SocketClient.timeout
                ).results
            }
            return response
        }
        try self.server.show(response) {
            for result in response.results where result.status.code == 0 { Console.print(result.entry.text) }
        }
        let names = self.content.names(of: entries.map(\.spiffeID.text))
        let failures = zip(names, response.results).filter { $1.status.code != 0 }
        try BatchStatus.check(failures.map { ($0, $1.status) }, verb: "create")
    }
}

struct EntryUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Replace a registration entry's content.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var content: EntryContentOptions
    @Option(help: "The entry's ID.") var entryID: String?

    func run() async throws {
        guard self.entryID != nil || self.content.data != nil else {
            throw UsageError("--entry-id is required (or --data)")
        }
        let entries = try self.content.entries(id: self.entryID)
        let response = try await self.server.withServer { client in
            var response = Spire_Api_Server_Entry_V1_BatchUpdateEntryResponse()
            for batch in entries.batches(of: EntryBatch.size) {
                let request = Spire_Api_Server_Entry_V1_BatchUpdateEntryRequest.with { $0.entries = batch }
                response.results += try await client.call(
                    EntryMethods.batchUpdateEntry, request, timeout: SocketClient.timeout
                ).results
            }
            return response
        }
        try self.server.show(response) {
            for result in response.results where result.status.code == 0 { Console.print(result.entry.text) }
        }
        let names = self.content.names(of: entries.map(\.id))
        let failures = zip(names, response.results).filter { $1.status.code != 0 }
        try BatchStatus.check(failures.map { ($0, $1.status) }, verb: "update")
    }
}

/// Entries sent in one request.
enum EntryBatch {
    static let size = 500
}

extension Array {
    /// The elements in order, in arrays of at most `size`.
    func batches(of size: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: size).map { Array(self[$0..<Swift.min($0 + size, self.count)]) }
    }
}
