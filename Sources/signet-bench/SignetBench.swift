import ArgumentParser
import Foundation
import UnixSignals

/// The whole command line.
@main
struct SignetBench: AsyncParsableCommand {
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "signet-bench",
        abstract: "Measure a real server and agent with clients of others, and compare with what is aimed at.",
        discussion: """
            Starts `signet server` and `signet agent` in a temporary directory, asks them with h2load and go-spiffe, and
            prints each figure beside its baseline of the same run. Rates are compared as cost in signatures: cores ×
            P-256 signatures a second of one core (openssl speed, right before and after) ÷ requests a second, the cost
            of the client included. Docs/Performance.md says what each figure means.

            Exit codes: 0 measured (whether or not an aim is met), 1 something failed, 64 wrong usage,
            130 interrupted.
            """)

    @Option(
        name: .customLong("only"),
        help: "Measure this figure, or group of figures; may be given more than once. Without it, all.")
    var selections: [FigureSelection] = []

    @Option(help: "How long each rate is measured, in seconds, after a second of warm-up.")
    var seconds: Double = 3

    @Option(
        name: .customLong("wait"),
        help: "How long to wait, before each figure, for other programs of this machine to pause, in seconds.")
    var patienceSeconds: Double = 0

    @Option(help: "How to print what was measured.")
    var output: Output = .text

    @Option(help: "The program to measure.")
    var signet: String = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "signet")
        .path

    @Option(help: "The Go program that Tests/Bench/build.sh builds.")
    var client: String = ".build/bench/signet-bench-client"

    @Option(help: "The program that links the libraries and measures them.")
    var libraries: String = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appending(path: "signet-bench-libraries").path

    func validate() throws {
        guard (0.5...600).contains(self.seconds) else { throw ValidationError("--seconds is from 0.5 to 600.") }
        guard (0...3_600).contains(self.patienceSeconds) else { throw ValidationError("--wait is from 0 to 3600.") }
        for program in [self.signet, self.client, self.libraries]
        where !FileManager.default.isExecutableFile(atPath: program) {
            throw ValidationError("\(program) is missing: make bench builds it.")
        }
    }

    func run() async throws {
        let figures = self.selections.isEmpty ? Figure.allCases : self.selections.flatMap(\.figures)
        let bench = Bench(
            programs: Programs(signet: self.signet, client: self.client, libraries: self.libraries),
            seconds: self.seconds, figures: Set(figures),
            patience: .seconds(self.patienceSeconds))
        let report: Report
        do {
            report = try await untilSignal { try await bench.run() }
        } catch is Interrupted {
            throw ExitCode(130)
        }
        switch self.output {
        case .text: print(report.text)
        case .json: print(try report.json)
        }
    }
}

/// The user asked to stop.
private struct Interrupted: Error {}

/// Runs `body`, and cancels it when SIGINT or SIGTERM comes; what it started is stopped by its scopes.
private func untilSignal<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm])
    return try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in signals { throw Interrupted() }
            throw CancellationError()
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
