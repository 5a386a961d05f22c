import Foundation

/// Many services in several replicas, each of which calls every other service.
extension Bench {
    static let fleetServices = 47
    static let fleetReplicas = 3
    /// So many calls of every replica to every service that first ones are less than a tenth of all.
    static let fleetRounds = 10
    static let fleetCallsPerSecond = 1_800

    func fleet(_ deployment: Deployment) async throws -> [Finding] {
        struct Found: Decodable {
            let start_seconds: Double
            let start_milliseconds: [Double]
            let milliseconds: [Double]
            let seconds: Double
            let failures: [String]
            let validations: Int
            let repeated_validations: Int
            let sign_seconds: [Double]
        }
        try await deployment.registerFleet(services: Self.fleetServices, scope: "fleet:call")
        try await self.begin(.fleetCalls)
        let start = try ProcessorTime.now(deployment)
        let found = try JSONDecoder().decode(
            Found.self,
            from: try await deployment.libraries(
                "fleet", "--workload-socket", deployment.workloadSocket, "--issuer", Deployment.issuer,
                "--trust-domain", Deployment.trustDomain, "--services", "\(Self.fleetServices)", "--replicas",
                "\(Self.fleetReplicas)", "--rounds", "\(Self.fleetRounds)", "--rate", "\(Self.fleetCallsPerSecond)"))
        let shares = try ProcessorTime.now(deployment).shares(since: start)
        let others = Self.fleetServices - 1
        let firstCalls = Self.fleetServices * Self.fleetReplicas * others
        let calls = found.start_milliseconds.count + found.milliseconds.count
        let missing = firstCalls * (1 + Self.fleetRounds) - calls
        let failing = missing == 0 ? nil : "\(missing) calls failed: \(found.failures.joined(separator: ", "))"
        let issued = try deployment.issuedTokens().filter { $0.scope == "fleet:call" }
        let pairs = Self.fleetServices * others
        let signature = Statistics.median(found.sign_seconds) * 1_000
        let percentile = { Statistics.percentile($0, of: found.milliseconds) }
        let text = { (value: Double) in
            "\(percentile(value).text(decimals: 1)) ms, \((percentile(value) / signature).text(decimals: 0)) signatures"
        }
        let startPercentile = Statistics.percentile(0.99, of: found.start_milliseconds)
        let rate = Double(found.milliseconds.count) / found.seconds
        return [
            Finding(
                .fleetCalls, value: percentile(0.99),
                measured: "p50 \(percentile(0.5).text(decimals: 1)) ms, p99 \(percentile(0.99).text(decimals: 1)) ms",
                baseline: "\((signature * 1_000).text(decimals: 1)) us a signature", failing: failing,
                notes: [
                    "p50 \(text(0.5)), p99 \(text(0.99)), longest \(text(1))",
                    "\(Double(found.milliseconds.count).text(decimals: 0)) calls at \(rate.text(decimals: 0))/s",
                    "the \(Double(firstCalls).text(decimals: 0)) first calls, with handshake and token, in"
                        + " \(found.start_seconds.text(decimals: 1)) s, p99 \(startPercentile.text(decimals: 0)) ms",
                    shares.text,
                ]),
            Finding(
                .fleetHits, value: 100 * Double(found.repeated_validations) / Double(found.validations),
                measured: "\(Double(found.repeated_validations).text(decimals: 0)) of"
                    + " \(Double(found.validations).text(decimals: 0))",
                failing: found.validations == calls ? nil : "\(found.validations) validations of \(calls) calls",
                notes: ["the start included, from which on all but the first calls are hits"]),
            Finding(
                .fleetTokens, value: Double(issued.count) / Double(pairs),
                measured: "\(Double(issued.count).text(decimals: 0)) requests",
                baseline: "\(Double(firstCalls).text(decimals: 0)) wanted",
                failing: Set(issued.map { [$0.caller, $0.audience, $0.scope] }).count == pairs
                    ? nil : "not every pair of services has a token",
                notes: [
                    "\(Double(pairs).text(decimals: 0)) pairs of caller and callee; at most"
                        + " \(Double(IssuedToken.peakPerSecond(issued)).text(decimals: 0)) requests in a second"
                ]),
        ]
    }
}
