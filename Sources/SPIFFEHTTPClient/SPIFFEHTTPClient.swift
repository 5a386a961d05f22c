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

    private enum Pins {
        /// The newest last.
        case open([Pinned])
        case shutDown
    }

    private let source: any X509SVIDSource
    private let makeClient: @Sendable (any X509SVIDSource) -> HTTPClient
    private let client: HTTPClient
    private let pins = Mutex(Pins.open([]))

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
    ///   - onRefusedIdentity: Called once for each snapshot of the source that cannot be used, on the event loop that
    ///     came upon it; the last good snapshot stays in force. Default: does nothing.
    public init(
        source: any X509SVIDSource, policy: PeerPolicy, now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13, revokedPeers: RevokedPeers? = nil,
        configuration: HTTPClient.Configuration = .init(),
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) {
        let makeClient: @Sendable (any X509SVIDSource) -> HTTPClient = { source in
            Self.client(
                SPIFFETLSContexts(
                    source: source, policy: policy, now: now, minimumVersion: minimumVersion,
                    applicationProtocols: ["http/1.1"], revokedPeers: revokedPeers,
                    onRefusedIdentity: onRefusedIdentity),
                configuration)
        }
        self.source = source
        self.makeClient = makeClient
        self.client = makeClient(source)
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
        let (client, retired) = self.client(presenting: svid)
        try? await retired?.shutdown()
        return try await client.execute(request, timeout: timeout)
    }

    /// Sends a request on a connection that presents the X509-SVID that the source has at this moment.
    package func executePresentingCurrent(
        _ request: HTTPClientRequest, timeout: TimeAmount
    ) async throws -> HTTPClientResponse {
        try await self.execute(request, timeout: timeout, presenting: try self.source.current().svid)
    }

    private func client(presenting svid: X509SVID) -> (HTTPClient, retired: HTTPClient?) {
        let leaf = svid.certificates.first?.derBytes ?? []
        return self.pins.withLock { pins in
            guard case .open(var pinned) = pins else { return (self.client, nil) }
            if let known = pinned.last(where: { $0.leaf == leaf }) { return (known.client, nil) }
            let client = self.makeClient(PinnedSource(svid: svid, source: self.source))
            pinned.append(Pinned(leaf: leaf, client: client))
            let retired = pinned.count > Self.maxPinned ? pinned.removeFirst().client : nil
            pins = .open(pinned)
            return (client, retired)
        }
    }

    /// Closes the connections; calls that are under way fail.
    public func shutdown() async throws {
        let pinned = self.pins.withLock { pins -> [Pinned] in
            guard case .open(let pinned) = pins else { return [] }
            pins = .shutDown
            return pinned
        }
        for pinned in pinned { try? await pinned.client.shutdown() }
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
