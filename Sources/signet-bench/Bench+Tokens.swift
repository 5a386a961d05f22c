import Foundation

/// Access tokens.
extension Bench {
    static let validatorCount = 200
    static let revocationCount = 20

    func tokens(_ deployment: Deployment) async throws -> [Finding] {
        var findings: [Finding] = []
        if self.figures.contains(.fetchToken) { findings.append(try await self.fetchToken(deployment)) }
        if self.figures.contains(.tokenHTTPS) { findings.append(try await self.tokenOverHTTPS(deployment)) }
        if !self.figures.isDisjoint(with: [.issueToken, .validateToken, .validateTokenAgain]) {
            findings += try await self.operations(deployment)
        }
        if self.figures.contains(.validatorMemory) { findings.append(try await self.validatorMemory(deployment)) }
        if self.figures.contains(.revocation) { findings.append(try await self.revocation(deployment)) }
        return findings
    }

    /// The agent's socket, from its cache: the same wish 16 at a time on two connections.
    private func fetchToken(_ deployment: Deployment) async throws -> Finding {
        struct Body: Decodable {
            let response_bytes: Int
        }
        try await self.begin(.fetchToken)
        let file = "\(deployment.directory)/fetch-token.bin"
        let body = try JSONDecoder().decode(
            Body.self,
            from: try await deployment.libraries(
                "body", "--workload-socket", deployment.workloadSocket, "--audience", Deployment.serviceName, "--file",
                file))
        return try await self.cost(.fetchToken, deployment) {
            try await self.h2load(
                deployment,
                ["-c", "2", "-m", "8", "-d", file, "-H", "content-type: application/grpc", "-H", "te: trailers"]
                    + ["-H", "workload.spiffe.io: true", "-B", "unix:\(deployment.workloadSocket)"]
                    + ["http://localhost/signet.workload.v1.AccessTokens/FetchAccessToken"],
                responseBytes: body.response_bytes)
        }
    }

    /// The token endpoint over 16 kept connections, by a JWT-SVID: each token is one verification and one signature of
    /// the server.
    private func tokenOverHTTPS(_ deployment: Deployment) async throws -> Finding {
        try await self.begin(.tokenHTTPS)
        let file = "\(deployment.directory)/token-form"
        let form = [
            "grant_type=client_credentials", "audience=\(Deployment.serviceName)",
            "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
            "client_assertion=\(try await deployment.assertion())",
        ].joined(separator: "&")
        try Data(form.utf8).write(to: URL(filePath: file))
        return try await self.cost(.tokenHTTPS, deployment) {
            try await self.h2load(
                deployment,
                ["--h1", "-c", "16", "-d", file, "-H", "content-type: application/x-www-form-urlencoded"]
                    + ["https://127.0.0.1:\(deployment.httpsPort)/oauth2/token"],
                responseBytes: 400)
        }
    }

    /// The steps of the libraries, beside the signature and the verification alone.
    private func operations(_ deployment: Deployment) async throws -> [Finding] {
        struct Found: Decodable {
            let sign_seconds: [Double]
            let issue_seconds: [Double]
            let verify_seconds: [Double]
            let first_seconds: [Double]
            let again_seconds: [Double]
        }
        try await self.begin(.issueToken)
        let found = try JSONDecoder().decode(Found.self, from: try await deployment.libraries("operations"))
        let microseconds = { Statistics.median($0) * 1_000_000 }
        let text = { (seconds: [Double]) in "\(microseconds(seconds).text(decimals: 1)) us" }
        return [
            Finding(
                .issueToken, value: microseconds(found.issue_seconds) / microseconds(found.sign_seconds),
                measured: text(found.issue_seconds), baseline: "\(text(found.sign_seconds)) a signature"),
            Finding(
                .validateToken, value: microseconds(found.first_seconds) / microseconds(found.verify_seconds),
                measured: text(found.first_seconds), baseline: "\(text(found.verify_seconds)) a verification"),
            Finding(
                .validateTokenAgain, value: microseconds(found.again_seconds), measured: text(found.again_seconds),
                baseline: "\(text(found.verify_seconds)) a verification"),
        ]
    }

    private func validatorMemory(_ deployment: Deployment) async throws -> Finding {
        struct Found: Decodable {
            let tokens: Int
            let bytes: Double
        }
        try await self.begin(.validatorMemory)
        let found = try JSONDecoder().decode(Found.self, from: try await deployment.libraries("memory"))
        return Finding(
            .validatorMemory, value: found.bytes / 1_000_000,
            measured: "\((found.bytes / Double(found.tokens)).text(decimals: 0)) bytes a token")
    }

    private func revocation(_ deployment: Deployment) async throws -> Finding {
        struct Found: Decodable {
            let milliseconds: [Double]
        }
        try await self.begin(.revocation)
        let before = try await self.syncMilliseconds(deployment)
        let found = try JSONDecoder().decode(
            Found.self,
            from: try await deployment.libraries(
                "revocations", "--admin-socket", deployment.adminSocket, "--workload-socket",
                deployment.workloadSocket, "--validators", "\(Self.validatorCount)", "--count",
                "\(Self.revocationCount)"))
        let after = try await self.syncMilliseconds(deployment)
        let percentile = { Statistics.percentile($0, of: found.milliseconds) }
        let isComplete = found.milliseconds.count == Self.validatorCount * Self.revocationCount
        return Finding(
            .revocation, value: percentile(0.99),
            measured: "p50 \(percentile(0.5).text(decimals: 1)) ms, p99 \(percentile(0.99).text(decimals: 1)) ms",
            baseline: self.syncText([before, after]), failing: isComplete ? nil : "not every validator heard of it",
            notes: ["longest of \(found.milliseconds.count): \(percentile(1).text(decimals: 1)) ms"])
    }

    private func h2load(
        _ deployment: Deployment, _ arguments: [String], responseBytes: Int
    ) async throws -> Double {
        let time = ["-D", "\(Int(self.seconds * 1_000))ms", "--warm-up-time", "\(Int(Self.warmUpSeconds))s"]
        let summary = try H2LoadSummary(parsing: try await deployment.run("h2load", time + arguments))
        guard summary.isAnsweredInFull(responseBytes: responseBytes) else {
            throw ChildFailure(
                description: "\(summary.requests) answers have \(summary.dataBytes) bytes; a good one has"
                    + " \(responseBytes)")
        }
        return summary.requestsPerSecond
    }
}
