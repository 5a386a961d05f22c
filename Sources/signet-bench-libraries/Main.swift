import ArgumentParser
import Foundation

/// What `signet-bench` measures of the libraries themselves; each command prints one JSON object.
@main
struct SignetBenchLibraries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signet-bench-libraries",
        abstract: "Measure the libraries for signet-bench, which starts this program and makes the table.",
        subcommands: [
            SVIDs.self, Handshakes.self, Operations.self, Memory.self, Revocations.self, Body.self, Fleet.self,
        ])
}

/// Prints what a command found.
func printJSON(_ value: some Encodable) throws {
    print(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}
