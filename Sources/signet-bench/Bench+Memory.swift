import Foundation

/// Resident memory.
extension Bench {
    func idle(_ deployment: Deployment) async throws -> [Finding] {
        try await self.begin(.serverIdle)
        try await self.begin(.agentIdle)
        try await self.settle()
        return [
            try ResidentMemory.of(deployment.server).finding(.serverIdle),
            try ResidentMemory.of(deployment.agent).finding(.agentIdle),
        ]
    }

    /// Opens streams at once, each on a connection of its own.
    func streams(_ figure: Figure, count: Int, _ deployment: Deployment) async throws -> Finding {
        struct Opened: Decodable {
            let streams: Int
            let served: Int
            let seconds: Double
            let resident_bytes: Double
            let own_bytes: Double
            let peak_bytes: Double
        }
        try await self.begin(figure)
        let opened = try JSONDecoder().decode(
            Opened.self,
            from: try await deployment.client("streams", ["count": "\(count)", "pid": "\(deployment.agent.pid)"]))
        return Finding(
            figure, value: opened.resident_bytes / 1_000_000,
            measured: "\(opened.served) of \(opened.streams) served in \(opened.seconds.text(decimals: 2)) s",
            failing: opened.served == opened.streams ? nil : "not everyone was served within 30 s",
            notes: [
                ResidentMemory.note(ownBytes: opened.own_bytes),
                "at most \((opened.peak_bytes / 1_000_000).text(decimals: 1)) MB while they were opened",
            ])
    }
}
