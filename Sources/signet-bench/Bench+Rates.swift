import Foundation

/// Requests a second.
extension Bench {
    func rates(_ deployment: Deployment) async throws -> [Finding] {
        var findings: [Finding] = []
        for figure in Figure.rates where self.figures.contains(figure) {
            try await self.begin(figure)
            findings.append(
                try await self.cost(figure, deployment) {
                    if let request = ConstantRequest(figure) {
                        try await self.h2load(figure, request, deployment)
                    } else {
                        try await self.goSPIFFE(figure, deployment)
                    }
                })
        }
        return findings
    }

    /// Measures requests a second, and tells what one costs.
    func cost(
        _ figure: Figure, _ deployment: Deployment, _ measure: () async throws -> Double
    ) async throws -> Finding {
        let before = try await self.signaturesPerSecond(deployment)
        let start = try ProcessorTime.now(deployment)
        let requestsPerSecond = try await measure()
        let shares = try ProcessorTime.now(deployment).shares(since: start)
        let after = try await self.signaturesPerSecond(deployment)
        let signatures = Statistics.median([before, after])
        let cores = Double(ProcessInfo.processInfo.activeProcessorCount)
        let cost = cores * signatures / requestsPerSecond
        var notes = ["\((cost * shares.used).text(decimals: 1)) of it used", shares.text]
        if abs(before - after) > 0.1 * signatures {
            notes.append("the machine changed its pace: \(before.text(decimals: 0)) and \(after.text(decimals: 0))")
        }
        return Finding(
            figure, value: cost,
            measured: "\(requestsPerSecond.text(decimals: 0))/s",
            baseline: "\(signatures.text(decimals: 0)) signatures/s", notes: notes)
    }

    private func signaturesPerSecond(_ deployment: Deployment) async throws -> Double {
        try Baseline.signaturesPerSecond(
            openssl: try await deployment.run("openssl", ["speed", "-seconds", "1", "ecdsap256"]))
    }

    /// Unary calls with a constant message, 16 at a time on two connections.
    private func h2load(
        _ figure: Figure, _ request: ConstantRequest, _ deployment: Deployment
    ) async throws -> Double {
        struct Body: Decodable {
            let response_bytes: Int
        }
        let file = "\(deployment.directory)/\(figure.rawValue).bin"
        let body = try JSONDecoder().decode(
            Body.self, from: try await deployment.client("body", ["name": figure.rawValue, "file": file]))
        var arguments = ["-D", "\(Int(self.seconds * 1_000))ms", "--warm-up-time", "\(Int(Self.warmUpSeconds))s"]
        arguments += ["-c", "2", "-m", "8", "-d", file]
        for header in ["content-type: application/grpc", "te: trailers"] + request.headers {
            arguments += ["-H", header]
        }
        arguments += ["-B", "unix:\(request.socket(deployment))", "http://localhost/\(request.method)"]
        let summary = try H2LoadSummary(parsing: try await deployment.run("h2load", arguments))
        guard summary.isAnsweredInFull(responseBytes: body.response_bytes) else {
            throw ChildFailure(
                description: "\(request.method): \(summary.requests) answers have \(summary.dataBytes) bytes;"
                    + " a good one has \(body.response_bytes)")
        }
        return summary.requestsPerSecond
    }

    /// Calls by go-spiffe, 16 at a time.
    private func goSPIFFE(_ figure: Figure, _ deployment: Deployment) async throws -> Double {
        struct Rate: Decodable {
            let requests: Int
            let seconds: Double
        }
        let rate = try JSONDecoder().decode(
            Rate.self,
            from: try await deployment.client(
                figure.rawValue, ["seconds": "\(self.seconds)", "warm-up": "\(Self.warmUpSeconds)"]))
        guard rate.requests > 0 else { throw ChildFailure(description: "\(figure.rawValue): nothing was answered") }
        return Double(rate.requests) / rate.seconds
    }
}

/// A request that h2load repeats.
private struct ConstantRequest {
    let method: String
    let headers: [String]
    let socket: (Deployment) -> String

    init?(_ figure: Figure) {
        switch figure {
        case .mintX509: self.init(server: "MintX509SVID")
        case .mintJWT: self.init(server: "MintJWTSVID")
        case .fetchJWTCached: self.init(agent: "FetchJWTSVID")
        case .validateJWT: self.init(agent: "ValidateJWTSVID")
        default: return nil
        }
    }

    private init(server method: String) {
        self.method = "spire.api.server.svid.v1.SVID/\(method)"
        self.headers = []
        self.socket = \.adminSocket
    }

    private init(agent method: String) {
        self.method = "SpiffeWorkloadAPI/\(method)"
        self.headers = ["workload.spiffe.io: true"]
        self.socket = \.workloadSocket
    }
}
