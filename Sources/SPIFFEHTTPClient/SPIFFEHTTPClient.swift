public import AsyncHTTPClient
public import FoundationEssentials
public import NIOCore
public import SPIFFE
public import SPIFFETLS
import Synchronization

/// AsyncHTTPClient over mutual TLS between workloads: an identity that replaces itself, servers known by SPIFFE ID.
///
/// ```swift
/// let answer = try await withSPIFFEHTTPClient(source: identity, policy: .exactly(payments)) { client in
///     try await client.execute(HTTPClientRequest(url: "https://10.0.0.7:8443/balance"), timeout: .seconds(5))
/// }
/// ```
///
/// A server is sent nothing before its X509-SVID is validated and authorized; its host name is not compared.
/// Connections are kept and used again; a rotation takes effect with the next one. HTTP/1.1 only, no redirections (they
/// would lead to servers that the policy was not written for), no proxies.
public final class SPIFFEHTTPClient: Sendable {
    /// How long a connection may take, the handshake included.
    static let handshakeTimeout: TimeAmount = .seconds(10)

    /// How many SVIDs have connections of their own at once.
    static let maxPinned = 3

    /// The connections that present one SVID.
    private struct Pinned {
        let leaf: [UInt8]
        let client: HTTPClient
    }

    private struct Pins {
        /// The newest last; nil once the client is shut down.
        var pinned: [Pinned]? = []
        /// Succeeds when those that are pinned no more are closed.
        var closing: EventLoopFuture<Void>

        func client(presenting leaf: [UInt8]) -> HTTPClient? {
            self.pinned?.last { $0.leaf == leaf }?.client
        }

        /// Keeps a client for an SVID, where there is none.
        ///
        /// - Returns: The one that there is, nil once all are shut down; and the one to close.
        mutating func pin(_ new: Pinned) -> (client: HTTPClient?, surplus: HTTPClient?) {
            guard var pinned = self.pinned else { return (nil, new.client) }
            if let known = self.client(presenting: new.leaf) { return (known, new.client) }
            pinned.append(new)
            let surplus = pinned.count > SPIFFEHTTPClient.maxPinned ? pinned.removeFirst().client : nil
            self.pinned = pinned
            return (new.client, surplus)
        }
    }

    private let source: any X509SVIDSource
    private let makeClient: @Sendable (any X509SVIDSource) -> HTTPClient
    private let client: HTTPClient
    private let pins: Mutex<Pins>

    /// Creates a client that has to be shut down.
    ///
    /// ``withSPIFFEHTTPClient(source:policy:now:minimumVersion:revokedPeers:configuration:onRefusedIdentity:_:)`` does so.
    ///
    /// - Parameters:
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which servers are called.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - minimumVersion: The oldest version of TLS. Default: 1.3.
    ///   - revokedPeers: The servers whose connections are refused and ended. Default: nobody's.
    ///   - configuration: Limits, timeouts and the pool. What it says of TLS, proxies, redirections, the version of HTTP
    ///     and initializers of connections is not used.
    ///   - onRefusedIdentity: Called once for each SVID of the source that cannot be used, on the event loop that came
    ///     upon it; the last good snapshot stays in force. Requests that have to present the SVID of the moment, as those
    ///     with a token that is bound to it do, fail until there is one that can be used. Default: does nothing.
    public init(
        source: any X509SVIDSource, policy: PeerPolicy, now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13, revokedPeers: RevokedPeers? = nil,
        configuration: HTTPClient.Configuration = .init(),
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) {
        let refusals = RefusedIdentities(onRefusedIdentity)
        let makeClient: @Sendable (any X509SVIDSource) -> HTTPClient = { source in
            Self.client(
                SPIFFETLSContexts(
                    source: source, policy: policy, now: now, minimumVersion: minimumVersion,
                    applicationProtocols: ["http/1.1"], revokedPeers: revokedPeers, refusals: refusals),
                configuration)
        }
        self.source = source
        self.makeClient = makeClient
        self.client = makeClient(source)
        self.pins = Mutex(Pins(closing: self.client.eventLoopGroup.any().makeSucceededVoidFuture()))
    }

    private static func client(_ tls: SPIFFETLSContexts, _ configuration: HTTPClient.Configuration) -> HTTPClient {
        var configuration = configuration
        configuration.proxy = nil
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        // A connection is given requests only after this has succeeded: see Docs/Decisions.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            let deadline = channel.eventLoop.scheduleTask(in: Self.handshakeTimeout) { channel.close(promise: nil) }
            let verified = channel.eventLoop.flatSubmit {
                do {
                    try channel.pipeline.syncOperations.addHandlers(tls.clientHandlers(), position: .first)
                    return channel.spiffePeer()
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
            verified.whenComplete { _ in deadline.cancel() }
            // Once the pool knows of the failure: it must not learn of the close first.
            verified.whenFailure { _ in channel.eventLoop.execute { channel.close(promise: nil) } }
            return verified.map { _ in }
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends a request and returns the head of its response, whose body is then read.
    ///
    /// - Parameters:
    ///   - request: Its URL is `https` and names a port, or means 443.
    ///   - timeout: How long it may take until the head has arrived; reading the body has no limit but the configuration's
    ///     `timeout.read`.
    /// - Throws: ``SPIFFEHTTPClientError``; `SPIFFETLSError` for a server that is refused; what the source throws when
    ///   it has no identity; the errors of AsyncHTTPClient.
    public func execute(_ request: HTTPClientRequest, timeout: TimeAmount) async throws -> HTTPClientResponse {
        var request = request
        request.url = try Self.plain(request.url)
        return try await self.client.execute(request, timeout: timeout)
    }

    /// Sends a request on a connection that presents an X509-SVID, whether the source has another one meanwhile or not.
    ///
    /// Of the SVIDs before it two have connections still; a call that is longer than two rotations fails.
    package func execute(
        _ request: HTTPClientRequest, timeout: TimeAmount, presenting svid: X509SVID
    ) async throws -> HTTPClientResponse {
        var request = request
        request.url = try Self.plain(request.url)
        return try await self.client(presenting: svid).execute(request, timeout: timeout)
    }

    /// Sends a request on a connection that presents the X509-SVID that the source has at this moment.
    package func executePresentingCurrent(
        _ request: HTTPClientRequest, timeout: TimeAmount
    ) async throws -> HTTPClientResponse {
        try await self.execute(request, timeout: timeout, presenting: try self.source.current().svid)
    }

    private func client(presenting svid: X509SVID) -> HTTPClient {
        let leaf = svid.certificates.first?.derBytes ?? []
        if let known = self.pins.withLock({ $0.client(presenting: leaf) }) { return known }
        let new = Pinned(leaf: leaf, client: self.makeClient(PinnedSource(svid: svid, source: self.source)))
        let (client, surplus) = self.pins.withLock { $0.pin(new) }
        if let surplus { self.close(surplus) }
        return client ?? self.client
    }

    /// Closes a client that is pinned no more, beside the request that has come upon it: the connections that it is
    /// making are waited for, which may take longer than the request.
    private func close(_ client: HTTPClient) {
        let closed: EventLoopFuture<Void> = client.shutdown()
        let settled = closed.recover { _ in }
        self.pins.withLock { pins in pins.closing = pins.closing.and(settled).map { _ in } }
    }

    /// Closes the connections; calls that are under way fail.
    public func shutdown() async throws {
        let (pinned, closing) = self.pins.withLock { pins in
            defer { pins.pinned = nil }
            return (pins.pinned ?? [], pins.closing)
        }
        for pinned in pinned { try? await pinned.client.shutdown() }
        try? await closing.get()
        try await self.client.shutdown()
    }

    /// The URL that AsyncHTTPClient is given, for which it adds no TLS of its own.
    static func plain(_ url: String) throws(SPIFFEHTTPClientError) -> String {
        let scheme = "https://"
        guard url.prefix(scheme.count).lowercased() == scheme else { throw .notHTTPS }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.isEmpty, !authority.contains("@") else { throw .noHost }
        // What follows the last bracket is no part of an IPv6 address.
        let afterAddress = authority.split(separator: "]", omittingEmptySubsequences: false).last ?? authority
        let port = afterAddress.contains(":") ? "" : ":443"
        return "http://\(authority)\(port)\(rest.dropFirst(authority.count))"
    }
}

/// One SVID for good, with the bundles of the moment.
private struct PinnedSource: X509SVIDSource {
    let svid: X509SVID
    let source: any X509SVIDSource

    func current() throws -> X509Identity {
        X509Identity(svid: self.svid, bundles: try self.source.current().bundles)
    }
}

/// Why a request is not sent.
@nonexhaustive
public enum SPIFFEHTTPClientError: Error, Hashable {
    /// The URL is not one of `https`: without TLS nobody is known.
    case notHTTPS
    /// The URL names no host, or a user beside it.
    case noHost
}

extension SPIFFEHTTPClientError {
    /// A stable identifier of the case, for metrics and logs.
    public var label: String {
        switch self {
        case .notHTTPS: "http_client.not_https"
        case .noHost: "http_client.no_host"
        }
    }
}

/// Runs `body` with a client, and shuts it down after.
///
/// Parameters are those of ``SPIFFEHTTPClient/init(source:policy:now:minimumVersion:revokedPeers:configuration:onRefusedIdentity:)``.
public func withSPIFFEHTTPClient<Result>(
    source: any X509SVIDSource, policy: PeerPolicy, now: @escaping @Sendable () -> Date = { Date() },
    minimumVersion: MinimumTLSVersion = .tlsv13, revokedPeers: RevokedPeers? = nil,
    configuration: HTTPClient.Configuration = .init(),
    onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in },
    _ body: (SPIFFEHTTPClient) async throws -> Result
) async throws -> Result {
    let client = SPIFFEHTTPClient(
        source: source, policy: policy, now: now, minimumVersion: minimumVersion, revokedPeers: revokedPeers,
        configuration: configuration, onRefusedIdentity: onRefusedIdentity)
    do {
        let result = try await body(client)
        try await client.shutdown()
        return result
    } catch {
        try? await client.shutdown()
        throw error
    }
}
