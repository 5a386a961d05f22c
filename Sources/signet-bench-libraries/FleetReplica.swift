import AccessTokens
import ArgumentParser
import AsyncHTTPClient
import AuthorizationHTTPClient
import AuthorizationHummingbird
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Rotation
import SPIFFE
import SPIFFEHTTPClient
import SPIFFEHummingbird
import SPIFFETLS
import ServiceAuthorization
import Synchronization
import WorkloadAPI

/// One of several processes of a service, as it would be if it had one to itself.
final class FleetReplica: Sendable {
    static let scope: Scope = "fleet:call"

    let id: SPIFFEID
    let number: Int
    private let source: X509Source
    private let state: AgentTokenState
    private let tokens: TokenSource
    private let client: SPIFFEHTTPClient
    private let validator: TokenValidator
    /// Nil before it serves; a failure when it does not.
    private let port = Watched<Result<Int, any Error>?>(nil)

    init(id: SPIFFEID, number: Int, address: WorkloadAPIAddress, issuer: String, tally: FleetTally) throws {
        let client = WorkloadAPIClient(address: address)
        let source = X509Source(client: client, selection: .spiffeID(id), logger: Self.logger)
        let state = AgentTokenState(client: client, logger: Self.logger)
        self.id = id
        self.number = number
        self.source = source
        self.state = state
        self.tokens = TokenSource(issuer: AgentTokenIssuer(client: client))
        self.client = SPIFFEHTTPClient(source: source, policy: .memberOf(id.trustDomain))
        self.validator = TokenValidator(
            rules: AccessTokenRules(issuer: issuer, audience: id.uri, trustDomains: [id.trustDomain]), state: state,
            audit: tally)
    }

    /// Serves until cancelled.
    func run() async throws {
        let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: self.validator)
        router.requireScopes(all: Self.scope).post("calls") { _, context in
            context.accessToken?.claims.subject.uri ?? ""
        }
        let port = self.port
        let application = Application(
            router: router, server: .spiffe(source: self.source, policy: .memberOf(self.id.trustDomain)),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.publish(.success($0.localAddress?.port ?? 0)) }, logger: Self.logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.source.run() }
                group.addTask { try await self.state.run() }
                group.addTask { try await application.run() }
                try await group.waitForAll()
            }
        } catch {
            port.publish(.failure(error))
            throw error
        }
    }

    /// Waits until it serves, and returns its port.
    func waitUntilReady() async throws -> Int {
        try await self.source.waitUntilReady()
        try await self.state.waitUntilReady()
        for await port in self.port.updates() {
            if let port { return try port.get() }
        }
        throw CancellationError()
    }

    func shutdown() async throws { try await self.client.shutdown() }

    /// How another replica is called by this one.
    func call(of other: FleetReplica, port: Int) -> @Sendable () async throws -> Void {
        let caller = AuthorizedHTTPClient(
            self.client, tokens: self.tokens,
            for: TokenRequest(audience: other.id.uri, scopes: ScopeSet(literal: [Self.scope]), spiffeID: self.id))
        let url = "https://127.0.0.1:\(port)/calls"
        let expected = self.id.uri
        return {
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            let response = try await caller.execute(request, timeout: .seconds(30))
            let body = String(buffer: try await response.body.collect(upTo: 4_096))
            guard response.status == .ok, body == expected else {
                throw ValidationError("\(response.status.code) \(body)")
            }
        }
    }

    private static let logger = Logger(label: "signet-bench-libraries") { _ in SwiftLogNoOpLogHandler() }
}

/// Counts the decisions of all replicas.
final class FleetTally: AuditSink {
    private let counts = Mutex((validations: 0, repeated: 0))

    var validations: Int { self.counts.withLock { $0.validations } }
    var repeated: Int { self.counts.withLock { $0.repeated } }

    func record(_ event: AuthorizationEvent) {
        self.counts.withLock { counts in
            counts.validations += 1
            if event.isRepeated { counts.repeated += 1 }
        }
    }
}

/// What came of a call: how long it took, or why it failed.
struct FleetCall: Sendable {
    var milliseconds: Double?
    var failure: String?
}

/// The calls that one replica makes.
struct FleetPlan: Sendable {
    private let calls: [@Sendable () async throws -> Void]

    init(of replica: FleetReplica, calls others: [(replica: FleetReplica, port: Int)]) {
        self.calls = others.map { replica.call(of: $0.replica, port: $0.port) }
    }

    /// Calls each of the others once, so many at once.
    func callAll(atOnce limit: Int) async -> [FleetCall] {
        await withTaskGroup(of: FleetCall.self) { group in
            var made: [FleetCall] = []
            for (index, call) in self.calls.enumerated() {
                if index >= limit, let done = await group.next() { made.append(done) }
                group.addTask { await Self.measured(call, from: .now) }
            }
            for await done in group { made.append(done) }
            return made
        }
    }

    /// Calls the others in turn at a steady pace, whether or not earlier calls were answered.
    func callSteadily(rounds: Int, rate: Double, from start: ContinuousClock.Instant) async -> [FleetCall] {
        await withTaskGroup(of: FleetCall.self) { group in
            for number in 0..<rounds * self.calls.count {
                let due = start + .seconds(Double(number) / rate)
                try? await ContinuousClock().sleep(until: due)
                let call = self.calls[number % self.calls.count]
                group.addTask { await Self.measured(call, from: due) }
            }
            var made: [FleetCall] = []
            for await done in group { made.append(done) }
            return made
        }
    }

    private static func measured(
        _ call: @Sendable () async throws -> Void, from start: ContinuousClock.Instant
    ) async -> FleetCall {
        do {
            try await call()
            let milliseconds = start.duration(to: .now).seconds * 1_000
            return FleetCall(milliseconds: (milliseconds * 1_000).rounded() / 1_000)
        } catch {
            return FleetCall(failure: "\(error)")
        }
    }
}
