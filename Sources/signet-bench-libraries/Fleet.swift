import AccessTokens
import ArgumentParser
import Foundation
import PeerTransport
import SPIFFE
import WorkloadAPI

/// Many services in several replicas that all call one another over mutual TLS with access tokens of a real agent.
///
/// All replicas are in this process, and share its event loops; each has an identity stream, a state of tokens, a
/// validator, a token source, a server and a client of its own. The agent attests this process, which has the identity
/// of every service; a replica takes that of its own.
struct Fleet: AsyncParsableCommand {
    /// The most calls a replica has under way while everything starts.
    private static let callsAtStart = 8
    /// Two ends of each connection, and what belongs to the sources.
    private static let filesOfReplica = 12

    @Option(help: "The Workload API's socket.") var workloadSocket: String
    @Option(help: "The issuer of access tokens, as in their iss.") var issuer: String
    @Option(help: "The trust domain.") var trustDomain: String
    @Option(help: "How many services there are.") var services: Int = 47
    @Option(help: "How many replicas each has.") var replicas: Int = 3
    @Option(help: "How many calls begin each second, once every replica has called every service.") var rate: Double
    @Option(help: "How often every replica then calls every other service.") var rounds: Int

    private struct Found: Encodable {
        let start_seconds: Double
        /// Of the first call of each replica to each service, with the handshake and the token.
        let start_milliseconds: [Double]
        /// Of each later call, from the moment when it was due.
        let milliseconds: [Double]
        let seconds: Double
        /// Of calls that were not answered with 200.
        let failures: [String]
        let validations: Int
        let repeated_validations: Int
        let sign_seconds: [Double]
    }

    func run() async throws {
        OpenFiles.raiseLimit()
        let needed = self.services * self.replicas * (2 * self.services + Self.filesOfReplica)
        guard OpenFiles.limit >= needed else {
            throw ValidationError("\(needed) open files are needed, and \(OpenFiles.limit) allowed: ulimit -Hn")
        }
        let trustDomain = try TrustDomain(parsing: self.trustDomain)
        let address = try WorkloadAPIAddress(socketPath: self.workloadSocket)
        let tally = FleetTally()
        let ids = try (1...self.services).map { try SPIFFEID(trustDomain: trustDomain, path: "/fleet/service-\($0)") }
        let fleet = try (0..<self.services * self.replicas).map { index in
            try FleetReplica(
                id: ids[index / self.replicas], number: index % self.replicas, address: address, issuer: self.issuer,
                tally: tally)
        }
        let before = try Batch(count: 5_000).signatures()
        let found = try await withThrowingTaskGroup(of: Void.self) { group in
            for replica in fleet { group.addTask { try await replica.run() } }
            var running: [(replica: FleetReplica, port: Int)] = []
            for replica in fleet { running.append((replica, try await replica.waitUntilReady())) }
            let plans = running.map { caller, _ in
                FleetPlan(
                    of: caller,
                    calls: running.filter { $0.replica.number == caller.number && $0.replica.id != caller.id })
            }
            let start = ContinuousClock.now
            let first = await Self.each(plans) { await $0.callAll(atOnce: Self.callsAtStart) }
            let startSeconds = start.duration(to: .now).seconds
            let second = ContinuousClock.now
            let later = await Self.each(plans.enumerated().map { ($0, $1) }) { index, plan in
                await plan.callSteadily(
                    rounds: self.rounds, rate: self.rate / Double(plans.count),
                    from: second + .seconds(Double(index) / self.rate))
            }
            let seconds = second.duration(to: .now).seconds
            let after = try Batch(count: 5_000).signatures()
            group.cancelAll()
            return Found(
                start_seconds: startSeconds, start_milliseconds: first.compactMap(\.milliseconds),
                milliseconds: later.compactMap(\.milliseconds), seconds: seconds,
                failures: Array((first + later).compactMap(\.failure).prefix(10)), validations: tally.validations,
                repeated_validations: tally.repeated, sign_seconds: [before, after])
        }
        try printJSON(found)
        for replica in fleet { try await replica.shutdown() }
    }

    /// What came of the calls of all.
    private static func each<Plan: Sendable>(
        _ plans: [Plan], _ body: @escaping @Sendable (Plan) async -> [FleetCall]
    ) async -> [FleetCall] {
        await withTaskGroup(of: [FleetCall].self) { group in
            for plan in plans { group.addTask { await body(plan) } }
            var calls: [FleetCall] = []
            for await some in group { calls += some }
            return calls
        }
    }
}
