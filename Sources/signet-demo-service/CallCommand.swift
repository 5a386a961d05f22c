import ArgumentParser
import Logging
import ServiceLifecycle
import UnixSignals

/// `call`: calls a service once, a number of times, or for a while.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Call a service on a new connection each time, then print a summary.")

    @OptionGroup var options: ServiceOptions

    @Option(help: "The TCP port of the service.")
    var port: UInt16

    @Option(help: "How many calls to make, one after the other; 1 unless there is a duration.")
    var requests: Int?

    @Option(help: "How long to go on calling, in seconds.")
    var duration: Double?

    @Option(help: "With --duration: how many calls to begin each second.")
    var rate: Double = 10

    func validate() throws {
        guard self.port > 0 else { throw ValidationError("The port is from 1 to 65535.") }
        guard self.requests == nil || self.duration == nil else {
            throw ValidationError("--requests and --duration exclude each other.")
        }
        guard (1...1_000_000).contains(self.requests ?? 1) else {
            throw ValidationError("--requests is from 1 to 1000000.")
        }
        guard (0.001...86_400).contains(self.duration ?? 1) else {
            throw ValidationError("--duration is from 0.001 to 86400 seconds.")
        }
        guard (0.001...1_000).contains(self.rate) else {
            throw ValidationError("--rate is from 0.001 to 1000 calls a second.")
        }
    }

    func run() async throws {
        let source = try await self.options.identity()
        let tally = Tally(name: self.options.name)
        let plan: CallPlan =
            if let duration {
                .steady(count: max(1, Int((duration * self.rate).rounded())), interval: .seconds(1 / self.rate))
            } else {
                .sequence(count: self.requests ?? 1)
            }
        let caller = DemoCaller(
            name: self.options.name, address: self.options.address, port: Int(self.port), plan: plan,
            source: source, tls: self.options.tls(source), tally: tally)
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: source),
                    .init(service: caller, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "signet-demo-service"))
        ).run()
        try tally.printSummary()
    }
}
