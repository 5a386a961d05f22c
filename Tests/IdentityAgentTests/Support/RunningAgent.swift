import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import IdentityAgent
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import ServiceLifecycle
import SwiftProtobuf
import TestSupport
import WorkloadAPIProtos
import WorkloadAttestation

typealias WorkloadClient = GRPCClient<HTTP2ClientTransport.Posix>

/// An agent, and a client of its socket that is this test's own process.
struct RunningAgent: Sendable {
    static let header: Metadata = ["workload.spiffe.io": "true"]

    let agent: IdentityAgent
    let configuration: IdentityAgentConfiguration
    let services: ServiceGroup
    let client: WorkloadClient
    let log: LogRecord

    /// Waits until the socket answers.
    func waitUntilServing() async {
        for await isServing in self.agent.isServing.updates() where isServing { return }
    }

    func call<Input, Output>(
        _ method: RPCMethod<Input, Output>, _ request: Input = Input(), metadata: Metadata = Self.header
    ) async throws -> Output {
        try await self.client.call(method, request, metadata: metadata)
    }

    /// The first messages of a stream.
    func first<Input, Output>(
        _ method: RPCMethod<Input, Output>, _ request: Input = Input(), metadata: Metadata = Self.header
    ) async throws -> Output {
        try await self.client.stream(method, request, metadata: metadata) { responses in
            for try await response in responses { return response }
            throw RPCError(code: .dataLoss, message: "the stream ended")
        }
    }

    /// Follows the X509-SVIDs while `body` runs.
    func watchingX509SVIDs<Result: Sendable>(
        _ body: @escaping @Sendable (inout MessageReader<X509SVIDResponse>) async throws -> Result
    ) async throws -> Result {
        try await self.client.stream(
            WorkloadAPIMethods.fetchX509SVID, X509SVIDRequest(), metadata: Self.header
        ) { responses in
            var reader = MessageReader(responses)
            return try await body(&reader)
        }
    }
}

/// Takes the messages of a stream one by one.
struct MessageReader<Message: Sendable> {
    private var iterator: RPCAsyncSequence<Message, any Error>.AsyncIterator

    init(_ messages: RPCAsyncSequence<Message, any Error>) {
        self.iterator = messages.makeAsyncIterator()
    }

    /// The next message.
    ///
    /// - Throws: what the stream ends with.
    mutating func next() async throws -> Message {
        guard let message = try await self.iterator.next(isolation: #isolation) else {
            throw RPCError(code: .dataLoss, message: "the stream ended")
        }
        return message
    }

    /// The first of the next messages that fulfils a condition.
    mutating func next(where condition: (Message) -> Bool) async throws -> Message {
        while true {
            let message = try await self.next()
            if condition(message) { return message }
        }
    }
}

/// Runs a control plane and an agent of it, and the agent's own end.
///
/// - Parameters:
///   - directory: Where the agent keeps its identity and its socket.
///   - body: Ends the agent by returning.
func withAgent<Result: Sendable>(
    of plane: ScriptedControlPlane, port: Int, in directory: TemporaryDirectory, instants: Instants = .system,
    configure: (inout IdentityAgentConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (RunningAgent) async throws -> Result
) async throws -> Result {
    let (agent, configuration, log) = try makeAgent(
        of: plane, port: port, in: directory, instants: instants, configure: configure)
    let client = GRPCClient(
        transport: try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: configuration.socketPath), transportSecurity: .plaintext))
    let services = ServiceGroup(services: [agent], logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() })
    let running = RunningAgent(
        agent: agent, configuration: configuration, services: services, client: client, log: log)
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask {
            try await services.run()
            return nil
        }
        group.addTask {
            await running.waitUntilServing()
            try await client.runConnections()
            return nil
        }
        group.addTask { try await body(running) }
        defer { group.cancelAll() }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw CancellationError()
    }
}

/// Makes an agent that bootstraps from the control plane's bundle with the token `token-1`.
func makeAgent(
    of plane: ScriptedControlPlane, port: Int, in directory: TemporaryDirectory, instants: Instants = .system,
    configure: (inout IdentityAgentConfiguration) -> Void = { _ in }
) throws -> (IdentityAgent, IdentityAgentConfiguration, LogRecord) {
    var configuration = IdentityAgentConfiguration(
        trustDomain: plane.authority.trustDomain, serverAddress: "127.0.0.1", serverPort: port,
        dataDirectory: directory.path, socketPath: directory.path("workload/api.sock"),
        bootstrap: .bundle(plane.authority.bundle), joinToken: "token-1", version: "1.2.3")
    configure(&configuration)
    let log = LogRecord()
    let agent = IdentityAgent(
        configuration: configuration,
        // The workload is this program, which is long.
        attestors: [UnixWorkloadAttestor(workloadSizeLimit: 1 << 30, instants: .system)], instants: instants,
        logger: Logger(label: "agent") { _ in log }, randomness: { SeededRandom(seed: 1) })
    return (agent, configuration, log)
}

/// Runs a control plane and an agent that serves, with some entries.
func withServingAgent<Result: Sendable>(
    instants: Instants = .system, script: (inout ScriptedControlPlane.Script) -> Void = { _ in },
    configure: @escaping @Sendable (inout IdentityAgentConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (RunningAgent, ScriptedControlPlane) async throws -> Result
) async throws -> Result {
    let plane = try ScriptedControlPlane(instants: instants)
    plane.script(script)
    let directory = try TemporaryDirectory()
    return try await plane.running { port in
        try await withAgent(of: plane, port: port, in: directory, instants: instants, configure: configure) { agent in
            await agent.waitUntilServing()
            return try await body(agent, plane)
        }
    }
}
