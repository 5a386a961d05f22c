import Foundation

/// What an administrator changes and lists.
extension Bench {
    private static let syncWrites = 200

    /// How long the disk takes to keep 4 KiB of a file that is there already, by `dd`.
    func syncMilliseconds(_ deployment: Deployment) async throws -> Double {
        let write = [
            "if=/dev/zero", "of=\(deployment.directory)/sync", "bs=4k", "count=\(Self.syncWrites)", "conv=notrunc",
        ]
        _ = try await deployment.run("dd", write)
        return try Baseline.syncMilliseconds(
            dd: try await deployment.run("dd", write + ["oflag=dsync"]), writes: Self.syncWrites)
    }

    func syncText(_ milliseconds: [Double]) -> String {
        "\(Statistics.median(milliseconds).text(decimals: 2)) ms a disk sync"
    }

    func push(_ deployment: Deployment) async throws -> Finding {
        struct Pushed: Decodable {
            let milliseconds: [Double]
        }
        try await self.begin(.push)
        let before = try await self.syncMilliseconds(deployment)
        let pushed = try JSONDecoder().decode(
            Pushed.self, from: try await deployment.client("push", ["count": "\(Self.pushCount)"]))
        let after = try await self.syncMilliseconds(deployment)
        let percentile = { Statistics.percentile($0, of: pushed.milliseconds) }
        return Finding(
            .push, value: percentile(0.99),
            measured: "p50 \(percentile(0.5).text(decimals: 1)) ms, p99 \(percentile(0.99).text(decimals: 1)) ms",
            baseline: self.syncText([before, after]),
            notes: ["longest of \(pushed.milliseconds.count): \(percentile(1).text(decimals: 1)) ms"])
    }

    /// Creates the entries, reads the memory, lists them.
    func entries(_ deployment: Deployment) async throws -> [Finding] {
        struct Created: Decodable {
            let entries: Int
            let seconds: Double
            let quarter_seconds: [Double]
        }
        struct Listed: Decodable {
            let entries: Int
            let pages: Int
            let seconds: [Double]
        }
        try await self.begin(.entries)
        let before = try await self.syncMilliseconds(deployment)
        let start = try ProcessorTime.now(deployment)
        // A parent that is no agent: what is measured is the server.
        let created = try JSONDecoder().decode(
            Created.self,
            from: try await deployment.client("entries", ["count": "\(Self.entryCount)", "parent": "/bench/node"]))
        let shares = try ProcessorTime.now(deployment).shares(since: start)
        let after = try await self.syncMilliseconds(deployment)
        let quarters = created.quarter_seconds.map { Double(created.entries) / 4 / $0 }
        let isFlat = quarters[3] >= 0.8 * quarters[0]
        let creation = Finding(
            .entries, value: Double(created.entries) / created.seconds,
            measured: "\(created.seconds.text(decimals: 2)) s", baseline: self.syncText([before, after]),
            failing: isFlat ? nil : "the last quarter is slower than 80 % of the first",
            notes: [
                "quarters: " + quarters.map { "\($0.text(decimals: 0))/s" }.joined(separator: ", "), shares.text,
            ])

        try await self.begin(.serverEntries)
        try await self.settle()
        let memory = try ResidentMemory.of(deployment.server).finding(.serverEntries)

        try await self.begin(.list)
        let listed = try JSONDecoder().decode(Listed.self, from: try await deployment.client("list"))
        // The deployment has one entry of its own.
        let isComplete = listed.entries == Self.entryCount + 1
        let list = Finding(
            .list, value: Statistics.median(listed.seconds),
            measured: "\(listed.pages) pages, median of \(listed.seconds.count)",
            failing: isComplete ? nil : "\(listed.entries) entries were listed",
            notes: ["each: " + listed.seconds.map { "\($0.text(decimals: 3)) s" }.joined(separator: ", ")])
        return [creation, list, memory]
    }
}
