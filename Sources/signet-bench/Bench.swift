import Foundation

/// What is measured, in which order, and on which deployments.
///
/// Figures that disturb one another get a deployment each: memory is read of processes that have done nothing else.
struct Bench: Sendable {
    let programs: Programs
    /// How long each rate is measured.
    let seconds: Double
    let figures: Set<Figure>
    /// How long to wait for other programs of the machine to pause, before each figure.
    let patience: Duration

    static let warmUpSeconds = 1.0
    static let entryCount = 20_000
    static let pushCount = 200

    /// Measures what was asked for.
    func run() async throws -> Report {
        var findings: [Finding] = []
        findings += try await self.measured([.serverIdle, .agentIdle], self.idle)
        for (figure, streams) in [(Figure.agent300, 300), (.agent1000, 1_000)] {
            findings += try await self.measured([figure]) { [try await self.streams(figure, count: streams, $0)] }
        }
        findings += try await self.measured(Set(Figure.rates), self.rates)
        findings += try await self.measured(Set(Figure.ofTokens), self.tokens)
        findings += try await self.measured(Set(Figure.ofLibrary), self.library)
        findings += try await self.measured(Set(Figure.ofFleet), self.fleet)
        findings += try await self.measured([.push]) { [try await self.push($0)] }
        findings += try await self.measured([.entries, .list, .serverEntries], self.entries)
        let order = Figure.allCases
        return Report(
            cores: ProcessInfo.processInfo.activeProcessorCount, seconds: self.seconds,
            findings: order.flatMap { figure in findings.filter { $0.figure == figure } }
        )
    }

    private func measured(
        _ group: Set<Figure>, _ body: (Deployment) async throws -> [Finding]
    ) async throws -> [Finding] {
        guard !group.isDisjoint(with: self.figures) else { return [] }
        return try await Deployment.with(self.programs, body).filter { self.figures.contains($0.figure) }
    }

    /// Waits for a quiet machine if asked to, and says on standard error what is being done.
    func begin(_ figure: Figure) async throws {
        if figure.aim.unit != .megabytes { try await ProcessorTime.waitForQuiet(atMost: self.patience) }
        FileHandle.standardError.write(Data("measuring \(figure.rawValue)\n".utf8))
    }

    /// How long a process is left alone before its memory is read.
    func settle() async throws { try await Task.sleep(for: .seconds(2)) }
}
