import Foundation

/// How much processor time has been used up to a moment, in ticks of the kernel.
struct ProcessorTime: Sendable {
    let server: Double
    let agent: Double
    /// Of the programs this one started and whose end it has seen: the clients.
    let clients: Double
    /// Of everything on the machine.
    let machine: Double
    /// What there was to use: all cores, also where they had nothing to do.
    let available: Double

    static func now(_ deployment: Deployment) throws -> Self {
        let machine = try Self.machine()
        return Self(
            server: try Self.ticks(of: deployment.server.pid), agent: try Self.ticks(of: deployment.agent.pid),
            clients: Self.children(), machine: machine.used, available: machine.available)
    }

    /// Where the time between two moments went.
    func shares(since start: Self) -> ProcessorShares {
        let available = max(1, self.available - start.available)
        func share(_ path: KeyPath<Self, Double>) -> Double { (self[keyPath: path] - start[keyPath: path]) / available }
        return ProcessorShares(
            server: share(\.server), agent: share(\.agent), client: share(\.clients), machine: share(\.machine))
    }

    /// The fields utime and stime of `/proc/PID/stat`.
    private static func ticks(of pid: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw UnreadableOutput(tool: "/proc/\(pid)/stat", reason: text)
        }
        return user + system
    }

    /// Waits until hardly anything else runs on the machine for a second, `limit` at most.
    static func waitForQuiet(atMost limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let start = try Self.machine()
            try await Task.sleep(for: .seconds(1))
            let end = try Self.machine()
            if end.used - start.used < 0.15 * (end.available - start.available) { return }
        }
    }

    /// The line `cpu` of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    private static func machine() throws -> (used: Double, available: Double) {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        let fields = text.prefix { !$0.isNewline }.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard fields.count == 8 else { throw UnreadableOutput(tool: "/proc/stat", reason: String(text.prefix(200))) }
        let available = fields.reduce(0, +)
        return (available - fields[3] - fields[4], available)
    }

    private static func children() -> Double {
        var usage = rusage()
        guard unsafe getrusage(RUSAGE_CHILDREN.rawValue, &usage) == 0 else { return 0 }
        let seconds = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        return seconds * Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// Where the processors' time went: 1 is all of what there was.
package struct ProcessorShares: Sendable, Equatable {
    package let server: Double
    package let agent: Double
    package let client: Double
    /// Of everything that ran on the machine.
    package let machine: Double

    package init(server: Double, agent: Double, client: Double, machine: Double) {
        self.server = server
        self.agent = agent
        self.client = client
        self.machine = machine
    }

    /// What was used for the measurement, the client included.
    package var used: Double { self.server + self.agent + self.client }
    /// What programs used that have nothing to do with it.
    package var others: Double { max(0, self.machine - self.used) }

    package var text: String {
        let shares = [
            ("server", self.server), ("agent", self.agent), ("client", self.client), ("others", self.others),
            ("idle", max(0, 1 - self.machine)),
        ]
        return "processors: " + shares.map { "\($0.0) \(($0.1 * 100).text(decimals: 0)) %" }.joined(separator: ", ")
    }
}
