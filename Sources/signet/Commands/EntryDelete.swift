import ArgumentParser
import ControlPlaneProtos
import ProtoRPC
import SwiftProtobuf

struct EntryDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete registration entries.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The entry's ID; repeatable.") var entryID: [String] = []
    @Option(help: "A file with one entry ID a line; - is standard input.") var file: String?

    func run() async throws {
        let ids = try self.entryID + self.idsOfFile()
        guard !ids.isEmpty else { throw UsageError("--entry-id is required (or --file)") }
        let response = try await self.server.withServer { client in
            var response = Spire_Api_Server_Entry_V1_BatchDeleteEntryResponse()
            for batch in ids.batches(of: EntryBatch.size) {
                let request = Spire_Api_Server_Entry_V1_BatchDeleteEntryRequest.with { $0.ids = batch }
                response.results += try await client.call(
                    EntryMethods.batchDeleteEntry, request, timeout: SocketClient.timeout
                ).results
            }
            return response
        }
        try self.server.show(response) {
            for result in response.results where result.status.code == 0 {
                Console.print("Deleted entry with ID: \(result.id)")
            }
        }
        let failures = response.results.filter { $0.status.code != 0 }
        try BatchStatus.check(failures.map { ($0.id, $0.status) }, verb: "delete")
    }

    private func idsOfFile() throws -> [String] {
        guard let file else { return [] }
        do throws(InputFileError) {
            let bytes = try InputFile.read(file, maxBytes: EntryFile.maxBytes)
            return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
                .map { String($0).trimmingWhitespace() }.filter { !$0.isEmpty }
        } catch {
            throw UsageError("--file: cannot read \(file): \(error.reason)")
        }
    }
}
