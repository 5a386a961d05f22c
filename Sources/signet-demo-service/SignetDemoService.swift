import ArgumentParser
import Foundation
import Logging

/// A small service and its caller, to see identities at work: `make demo` runs them as separate processes.
@main
struct SignetDemoService: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signet-demo-service",
        abstract: "A service and its caller that know each other by SPIFFE ID.",
        discussion: """
            All fetch their identity from the Workload API that SPIFFE_ENDPOINT_SOCKET names, and follow its \
            rotation. serve and call speak one line each way over mutual TLS, on a new connection for every call; \
            serve-api and call-api speak HTTP with access tokens. They end with a summary in JSON.

            LOG_LEVEL, from trace to critical, says how much is logged on standard error; by default it is warning.

            Exit status: 0 done, 1 a call failed, 2 wrong usage, 3 the Workload API has no identity for this process.
            """,
        subcommands: [ServeCommand.self, CallCommand.self, ServeAPICommand.self, CallAPICommand.self])

    static func main() async {
        let level = ProcessInfo.processInfo.environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0) }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level ?? .warning
            return handler
        }
        do {
            var command = try self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let status = self.exitCode(for: error)
            let message = self.fullMessage(for: error)
            if status == .success {
                print(message)
            } else if !message.isEmpty {
                FileHandle.standardError.write(Data("\(message)\n".utf8))
            }
            Foundation.exit(status == .validationFailure ? 2 : status.rawValue)
        }
    }
}
