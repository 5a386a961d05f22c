import FoundationEssentials
import GRPCCore
package import GRPCNIOTransportHTTP2Posix
package import ProtoRPC
package import Rotation
public import SPIFFE
import WorkloadAPIProtos

typealias GRPCConnection = GRPCClient<HTTP2ClientTransport.Posix>

/// A client of the SPIFFE Workload API.
///
/// A value without a connection of its own: each call opens one and closes it, a followed stream holds one. So there is
/// nothing to run or to close, and a restarted agent is reached at the next call. For identities that follow their
/// rotation use ``X509Source``, ``JWTSource`` and ``WITSource``.
///
/// Failures are ``WorkloadAPIError``, or `CancellationError` when the task is cancelled.
public struct WorkloadAPIClient: Sendable {
    /// How long a single call may take.
    ///
    /// Default: 30 s.
    public static let defaultTimeout: Duration = .seconds(30)

    /// The header without which the Workload API refuses a call (SPIFFE Workload Endpoint §3.1).
    static let securityHeader: Metadata = ["workload.spiffe.io": "true"]

    public let address: WorkloadAPIAddress
    private let timeout: Duration
    /// Over TCP only.
    let keepalive: HTTP2ClientTransport.Config.Keepalive
    private let instants: Instants
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator

    /// - Parameters:
    ///   - address: Where the Workload API is. `try WorkloadAPIAddress()` is what the environment names.
    ///   - timeout: How long a single call may take; above zero. Default: 30 s. Followed streams have no limit; a
    ///     server behind a TCP address that is gone without a word is missed after six minutes and a half.
    public init(address: WorkloadAPIAddress, timeout: Duration = Self.defaultTimeout) {
        self.init(
            address: address, timeout: timeout, instants: .system, makeGenerator: { SystemRandomNumberGenerator() })
    }

    /// Creates a client that waits by other means than the clock and the chance of this machine.
    package init(
        address: WorkloadAPIAddress, timeout: Duration = Self.defaultTimeout,
        keepalive: HTTP2ClientTransport.Config.Keepalive = .workloadAPI, instants: Instants,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator
    ) {
        self.address = address
        self.timeout = timeout
        self.keepalive = keepalive
        self.instants = instants
        self.makeGenerator = makeGenerator
    }

    /// Fetches the X509-SVIDs of this process and the bundles to validate its peers with (FetchX509SVID).
    public func fetchX509Context() async throws -> X509Context {
        try await self.first(of: .x509Context)
    }

    /// Fetches the X.509 bundles of this process's own and federated trust domains (FetchX509Bundles).
    public func fetchX509Bundles() async throws -> TrustBundles {
        try await self.first(of: .x509Bundles)
    }

    /// Fetches the JWT bundles of this process's own and federated trust domains (FetchJWTBundles).
    public func fetchJWTBundles() async throws -> TrustBundles {
        try await self.first(of: .jwtBundles)
    }

    /// Fetches the WIT-SVIDs of this process (FetchWITSVID).
    ///
    /// - Parameter spiffeID: The identity that is wanted. Default: an SVID for each identity, the default one first.
    /// - Returns: At least one; non-empty hints are unique.
    /// - Throws: ``WorkloadAPIError/unimplemented(_:)`` where the Workload API serves no WIT-SVIDs, which are optional.
    public func fetchWITSVIDs(spiffeID: SPIFFEID? = nil) async throws -> [SPIFFE.WITSVID] {
        try await self.first(of: .witSVIDs(of: spiffeID))
    }

    /// Fetches the WIT bundles of this process's own and federated trust domains (FetchWITBundles).
    ///
    /// Throws as ``fetchWITSVIDs(spiffeID:)``.
    public func fetchWITBundles() async throws -> TrustBundles {
        try await self.first(of: .witBundles)
    }

    /// Fetches JWT-SVIDs for an audience (FetchJWTSVID).
    ///
    /// - Parameters:
    ///   - audience: Who the tokens are for; at least one, none of them empty.
    ///   - spiffeID: The identity that is wanted. Default: a token for each identity, the default one first.
    /// - Returns: At least one; each is for every audience asked for; non-empty hints are unique.
    /// - Throws: ``WorkloadAPIError/invalidArgument(_:)``, without a call, for no audience and for an empty one.
    public func fetchJWTSVIDs(audience: [String], spiffeID: SPIFFEID? = nil) async throws -> [SPIFFE.JWTSVID] {
        try Self.check(audience: audience)
        var request = JWTSVIDRequest()
        request.audience = audience
        if let spiffeID { request.spiffeID = spiffeID.uri }
        let response = try await self.receive(WorkloadAPIMethods.fetchJWTSVID, request)
        let now = self.instants.now()
        return try self.accepting { () throws(WorkloadAPIMessageError) in
            try SPIFFE.JWTSVID.parse(
                response.decoded(), requestedAudience: audience, requestedID: spiffeID, now: now)
        }
    }

    /// Has the Workload API validate a JWT-SVID (ValidateJWTSVID).
    ///
    /// To be preferred to local validation (SPIFFE Workload API §6.3): the server has every bundle and every rule.
    ///
    /// - Parameters:
    ///   - token: In compact serialization.
    ///   - audience: The audience the token must be for: this service. Not empty.
    /// - Throws: ``WorkloadAPIError/invalidArgument(_:)`` when the token is not valid, the text says why; without a call,
    ///   for an empty audience.
    public func validateJWTSVID(_ token: String, audience: String) async throws -> ValidatedJWTSVID {
        try Self.check(audience: [audience])
        var request = ValidateJWTSVIDRequest()
        request.audience = audience
        request.svid = token
        let response = try await self.receive(WorkloadAPIMethods.validateJWTSVID, request)
        return try self.accepting { () throws(WorkloadAPIMessageError) in try ValidatedJWTSVID(response.decoded()) }
    }

    /// A token for nobody, and one that anybody may take, is no JWT-SVID (JWT-SVID §3.2).
    ///
    /// Refused here, for a server that answers such a request is not to be believed.
    private static func check(audience: [String]) throws(WorkloadAPIError) {
        guard !audience.isEmpty, !audience.contains("") else {
            throw .invalidArgument("an audience is missing or empty")
        }
    }

    /// Follows a stream for as long as the task lives.
    ///
    /// `handle` is called with each message and each failure, one at a time; what it throws ends the following. When
    /// the stream breaks it is opened again at once, and then after 1 s, 2 s … 30 s, each shortened by chance.
    ///
    /// - Throws: ``WorkloadAPIError/invalidArgument(_:)`` and ``WorkloadAPIError/unimplemented(_:)``, which asking again
    ///   would not change; what `handle` throws; `CancellationError`. It never returns.
    public func follow<Value>(
        _ stream: WorkloadAPIStream<Value>,
        _ handle: @escaping @Sendable (WorkloadAPIUpdate<Value>) async throws -> Void
    ) async throws {
        var reconnection = Reconnection()
        var generator = self.makeGenerator()
        while true {
            let opened = self.instants.now()
            let (error, receivedMessage) = try await self.receiveAll(of: stream, handle)
            let life = Duration.seconds(self.instants.now().timeIntervalSince(opened))
            let action = reconnection.streamEnded(
                error, after: life, receivedMessage: receivedMessage, using: &generator)
            guard case .openAgain(let delay) = action else { throw error }
            try await handle(error.isPermissionDenied ? .withdrawn(error) : .interrupted(error))
            if delay > .zero { try await self.instants.sleep(for: delay) }
        }
    }

    /// Reads one stream to its end, and returns why it ended.
    private func receiveAll<Value>(
        of stream: WorkloadAPIStream<Value>,
        _ handle: @escaping @Sendable (WorkloadAPIUpdate<Value>) async throws -> Void
    ) async throws -> (WorkloadAPIError, receivedMessage: Bool) {
        let received = Latch()
        let failure = Slot<any Error>()
        do {
            try await self.connect { connection in
                try await stream.open(connection, nil) { message in
                    received.set()
                    do {
                        switch self.judge(message, of: stream) {
                        case .success(let value): try await handle(.received(value))
                        case .failure(let error): try await handle(.discarded(.invalidMessage(error)))
                        }
                    } catch {
                        failure.put(error)
                        return false
                    }
                    return true
                }
            }
        } catch {
            // What `handle` threw has ended the stream, whatever the end of the stream looks like.
            if let failure = failure.value { throw failure }
            guard let error = error as? WorkloadAPIError else { throw error }
            return (error, received.isSet)
        }
        if let failure = failure.value { throw failure }
        return (.unavailable("the server ended the stream"), received.isSet)
    }

    private func first<Value>(of stream: WorkloadAPIStream<Value>) async throws -> Value {
        let first = Slot<Result<Value, WorkloadAPIMessageError>>()
        try await self.connect { connection in
            try await stream.open(connection, self.timeout) { message in
                first.put(self.judge(message, of: stream))
                return false
            }
        }
        guard let message = first.value else { throw WorkloadAPIError.unavailable("the server ended the stream") }
        return try self.accepting(message.get)
    }

    /// A parsed message, when it is also good at this time.
    private func judge<Value>(
        _ message: Result<Value, WorkloadAPIMessageError>, of stream: WorkloadAPIStream<Value>
    ) -> Result<Value, WorkloadAPIMessageError> {
        let now = self.instants.now()
        return Result { () throws(WorkloadAPIMessageError) in
            let value = try message.get()
            try stream.check(value, now)
            return value
        }
    }

    /// Makes one call; for methods on the socket that are not the Workload API's own.
    package func call<Input, Output>(_ method: RPCMethod<Input, Output>, _ request: Input) async throws -> Output {
        let response = try await self.receive(method, request)
        return try self.accepting { () throws(WorkloadAPIMessageError) in try response.decoded() }
    }

    private func receive<Input, Output>(
        _ method: RPCMethod<Input, Output>, _ request: Input
    ) async throws -> ReceivedMessage<Output> {
        try await self.connect { connection in
            try await connection.receive(method, request, metadata: Self.securityHeader, timeout: self.timeout)
        }
    }

    private func accepting<Value>(
        _ parse: () throws(WorkloadAPIMessageError) -> Value
    ) throws(WorkloadAPIError) -> Value {
        do { return try parse() } catch { throw .invalidMessage(error) }
    }
}
