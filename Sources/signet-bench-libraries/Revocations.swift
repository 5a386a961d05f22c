import AccessTokens
import ArgumentParser
import ControlPlaneProtos
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ProtoRPC
import ServiceAuthorization
import SwiftProtobuf
import WorkloadAPI
import WorkloadAPIProtos

/// How long after the call that revokes a token each of many open validators knows of it.
struct Revocations: AsyncParsableCommand {
    @Option(help: "The administrator's socket.") var adminSocket: String
    @Option(help: "The Workload API's socket.") var workloadSocket: String
    @Option(help: "How many validators, each on a connection of its own.") var validators: Int = 200
    @Option(help: "How many tokens are revoked, one after the other.") var count: Int = 20

    private struct Found: Encodable {
        var milliseconds: [Double] = []
    }

    func run() async throws {
        let address = try WorkloadAPIAddress(socketPath: self.workloadSocket)
        let logger = Logger(label: "signet-bench-libraries") { _ in SwiftLogNoOpLogHandler() }
        let states = (0..<self.validators).map { _ in
            AgentTokenState(client: WorkloadAPIClient(address: address), logger: logger)
        }
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: self.adminSocket), transportSecurity: .plaintext)
        let found = try await GRPCClient(transport: transport).running { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for state in states { group.addTask { try await state.run() } }
                for state in states { try await state.waitUntilReady() }
                var found = Found()
                for number in 0..<self.count {
                    found.milliseconds += try await Self.lags(states, "bench-\(number)", client)
                }
                group.cancelAll()
                return found
            }
        }
        try printJSON(found)
    }

    private static func lags(
        _ states: [AgentTokenState], _ jti: String, _ client: GRPCClient<HTTP2ClientTransport.Posix>
    ) async throws -> [Double] {
        try await withThrowingTaskGroup(of: ContinuousClock.Instant?.self) { group in
            for state in states {
                group.addTask {
                    for await state in state.updates() {
                        let now = ContinuousClock.now
                        guard let state,
                            state.revocations.all(now: Date()).contains(where: { $0.target == .token(jti) })
                        else { continue }
                        return now
                    }
                    return nil
                }
            }
            let start = ContinuousClock.now
            _ = try await client.call(RevocationMethods.revoke, .with { $0.jti = jti })
            var lags: [Double] = []
            for try await moment in group {
                guard let moment else { throw ValidationError("a validator ended before it knew") }
                lags.append(start.duration(to: moment).seconds * 1_000)
            }
            return lags
        }
    }
}

/// Writes the request for a token that h2load is to repeat, after having made it once.
struct Body: AsyncParsableCommand {
    @Option(help: "The Workload API's socket.") var workloadSocket: String
    @Option(help: "The service that the token is for.") var audience: String
    @Option(help: "Where to write it.") var file: String

    func run() async throws {
        struct Found: Encodable {
            let response_bytes: Int
        }
        let request = Signet_Workload_V1_FetchAccessTokenRequest.with { $0.audience = self.audience }
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: self.workloadSocket), transportSecurity: .plaintext)
        let response = try await GRPCClient(transport: transport).running { client in
            try await client.call(
                WorkloadAccessTokenMethods.fetchAccessToken, request, metadata: ["workload.spiffe.io": "true"])
        }
        let message: [UInt8] = try request.serializedBytes()
        let head = [0] + (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (24 - 8 * $0)) }
        try Data(head + message).write(to: URL(filePath: self.file))
        try printJSON(Found(response_bytes: try (response.serializedBytes() as [UInt8]).count))
    }
}
