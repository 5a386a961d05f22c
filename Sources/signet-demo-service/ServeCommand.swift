import ArgumentParser
import Logging
import ServiceLifecycle
import UnixSignals

/// `serve`: answers calls until SIGTERM.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Answer calls until SIGTERM, then print a summary.")

    @OptionGroup var options: ServiceOptions

    @Option(help: "The TCP port to listen on; 0 takes a free one.")
    var port: UInt16 = 0

    @Option(help: "A file to write the port to, once calls are answered.")
    var portFile: String?

    func run() async throws {
        let source = try await self.options.identity()
        let tally = Tally(name: self.options.name)
        let server = DemoServer(
            name: self.options.name, address: self.options.address, port: Int(self.port), portFile: self.portFile,
            source: source, tls: self.options.tls(source), tally: tally)
        try await ServiceGroup(
            services: [source, server], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "signet-demo-service")
        ).run()
        try tally.printSummary()
    }
}
