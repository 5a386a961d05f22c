import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import Logging
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf

/// Gets X509-SVIDs for entries: at once when they are new or have changed, and again at half of their life.
struct SVIDIssuance: Sendable {
    private static let timeout: Duration = .seconds(30)
    /// How long it is at most until what is held is compared with the clock again.
    private static let longestPause: Duration = .seconds(60)

    let connections: ServerConnections
    let cache: WorkloadCache
    let keyType: KeyType
    let instants: Instants
    let randomness: RandomSource
    let logger: Logger

    /// How many SVIDs are asked for in one request.
    ///
    /// RSA keys take their time, which nobody should wait for together.
    static func batchLimit(_ keyType: KeyType) -> Int {
        switch keyType {
        case .ecP256, .ecP384: 500
        case .rsa2048, .rsa4096: 8
        }
    }

    /// Runs until cancelled.
    func run() async throws {
        let failures = FailureLog("X509-SVIDs were not issued")
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let now = self.instants.now()
                let plan = self.cache.plan(now: now)
                for batch in plan.batches {
                    group.addTask { await self.issue(batch, failures) }
                }
                try await self.wait(until: plan.nextLook, from: now)
            }
        }
    }

    /// Waits for work, at most until a moment, and no longer than it seemed to be away or ``longestPause``: the clock may
    /// be set back, behind the beginning of SVIDs too.
    private func wait(until moment: Date?, from now: Date) async throws {
        guard let moment else { return try await self.cache.work.wait() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.cache.work.wait(until: moment, instants: self.instants) }
            let remaining = Duration.seconds(max(0, moment.timeIntervalSince(now)))
            group.addTask { try await self.instants.sleep(for: min(remaining, Self.longestPause)) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func issue(_ batch: [RegistrationEntry], _ failures: FailureLog) async {
        var generator = self.randomness()
        var outcomes: [String: WorkloadCacheState.Outcome] = [:]
        var requested: [(entry: RegistrationEntry, key: [UInt8])] = []
        var request = Spire_Api_Server_Svid_V1_BatchNewX509SVIDRequest()
        for entry in batch {
            do {
                let key = try KeyPair.generate(self.keyType)
                let csr = try X509SVIDRequest.make(
                    key: key.certificateKey, id: entry.spiffeID, dnsNames: entry.dnsNames)
                request.params.append(
                    .with {
                        $0.entryID = entry.id
                        $0.csr = Data(csr)
                    })
                requested.append((entry, key.pkcs8DER))
            } catch {
                outcomes[entry.id] = .failed("\(error)")
            }
        }
        do {
            let reply = try await self.connections.call(
                SVIDMethods.batchNewX509SVID, request, timeout: Self.timeout)
            for ((entry, key), result) in zip(requested, reply.results) {
                outcomes[entry.id] = self.outcome(result, for: entry, key: key, using: &generator)
            }
            failures.succeeded(self.logger)
        } catch {
            failures.failed(error, self.logger)
            let error = error as? RPCError ?? RPCError(code: .unknown, message: "\(error)")
            if batch.count > 1, Self.isTooMuch(error) { return self.cache.split(batch) }
            return self.cache.fail(batch, error.message, now: self.instants.now(), using: &generator)
        }
        self.cache.complete(batch, outcomes, now: self.instants.now(), using: &generator)
    }

    /// Whether a smaller batch might pass.
    private static func isTooMuch(_ error: RPCError) -> Bool {
        switch error.code {
        case .resourceExhausted, .deadlineExceeded, .invalidArgument: true
        default: false
        }
    }

    private func outcome(
        _ result: Spire_Api_Server_Svid_V1_BatchNewX509SVIDResponse.Result, for entry: RegistrationEntry,
        key: [UInt8], using generator: inout some RandomNumberGenerator
    ) -> WorkloadCacheState.Outcome {
        var reason = result.status.message
        if result.status.code == 0 {
            do {
                let svid = try result.svid.svid(privateKey: key)
                if svid.id == entry.spiffeID {
                    self.logger.debug(
                        "X509-SVID issued",
                        metadata: [
                            LogKey.spiffeID: "\(svid.id)", LogKey.entryID: "\(entry.id)",
                            LogKey.expiresAt: "\(svid.notAfter.formatted(.iso8601))",
                        ])
                    return .issued(
                        WorkloadSVID(svid, entry: entry, issuedAt: self.instants.now(), using: &generator))
                }
                reason = "the server issued an SVID of '\(svid.id)'"
            } catch {
                reason = "\(error)"
            }
        }
        self.logger.warning(
            "no X509-SVID for an entry", metadata: [LogKey.entryID: "\(entry.id)", LogKey.error: "\(reason)"])
        return .failed(reason)
    }
}
