public import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Rotation
public import SPIFFE
import SPIFFETLS
public import X509

/// Fetches trust bundles from bundle endpoints, by both profiles (SPIFFE Federation §5).
///
/// One GET a fetch, over HTTP/1.1 and TLS 1.2 or later, without a client certificate and without a connection that is
/// kept. A redirection is followed to wherever the same rules allow it, and never remembered. A profile is never
/// replaced by the other one.
public struct BundleEndpointClient: Sendable {
    /// The longest time for one fetch, redirections included.
    public static let defaultTimeout: Duration = .seconds(30)
    /// The most redirections that one fetch follows.
    public static let maxRedirections = 5

    private let webRoots: [Certificate]?
    private let followsRedirections: Bool
    private let timeout: Duration
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - webRoots: Who vouches for servers of the profile `https_web`. Default: whom this machine trusts.
    ///   - followsRedirections: Default: true.
    ///   - timeout: The longest time for one fetch. Default: 30 seconds.
    ///   - now: The time at which X509-SVIDs are judged. Default: the clock of this machine.
    public init(
        webRoots: [Certificate]? = nil, followsRedirections: Bool = true, timeout: Duration = defaultTimeout,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.webRoots = webRoots
        self.followsRedirections = followsRedirections
        self.timeout = timeout
        self.now = now
    }

    /// The bundle that the endpoint has at this moment.
    ///
    /// - Parameters:
    ///   - endpoint: Where to ask, and how its server proves who it is.
    ///   - bundles: For `https_spiffe`: the bundles in force. The one of the server's trust domain proves the server,
    ///     and no other; for a self-serving endpoint that is the bundle fetched last, and the configured one before
    ///     that (§5.2.2).
    /// - Throws: ``BundleFetchError``, or `CancellationError`.
    public func fetch(_ endpoint: BundleEndpoint, trusting bundles: TrustBundles = TrustBundles()) async throws
        -> TrustBundle
    {
        let security = try self.security(of: endpoint, bundles)
        let document: [UInt8]
        do {
            document = try await Instants.system.withTimeLimit(self.timeout) {
                try await self.document(at: endpoint.url, security)
            }
        } catch is TimeLimitExceeded {
            throw BundleFetchError.timedOut
        } catch {
            // What a cancelled fetch fails with is the end of its connection.
            try Task.checkCancellation()
            throw error
        }
        do {
            return try TrustBundle(parsing: document, trustDomain: endpoint.trustDomain)
        } catch {
            throw BundleFetchError.malformedBundle(error)
        }
    }

    private func security(of endpoint: BundleEndpoint, _ bundles: TrustBundles) throws -> TransportSecurity {
        switch endpoint.profile {
        case .httpsWeb:
            return .web(try WebTLSClient(roots: self.webRoots, applicationProtocols: ["http/1.1"]))
        case .httpsSPIFFE(let endpointID):
            guard let bundle = bundles[endpointID.trustDomain] else {
                throw BundleFetchError.serverTrustDomainUnknown(endpointID.trustDomain)
            }
            return .spiffe(
                SPIFFETLSContexts(
                    anonymousTrusting: TrustBundles([bundle]), policy: .exactly(endpointID), now: self.now,
                    minimumVersion: .tlsv12, applicationProtocols: ["http/1.1"]))
        }
    }

    private func document(at url: BundleEndpointURL, _ security: TransportSecurity) async throws -> [UInt8] {
        var url = url
        for _ in 0...Self.maxRedirections {
            let response = try await self.get(url, security)
            switch response.status {
            case 200: return response.body
            case 301, 302, 303, 307, 308:
                guard self.followsRedirections else { throw BundleFetchError.redirected(status: response.status) }
                guard let location = response.location else { throw BundleFetchError.redirectionRefused(nil) }
                do {
                    url = try url.redirected(to: location)
                } catch {
                    throw BundleFetchError.redirectionRefused(error)
                }
            default: throw BundleFetchError.status(response.status)
            }
        }
        throw BundleFetchError.tooManyRedirections
    }

    private func get(_ url: BundleEndpointURL, _ security: TransportSecurity) async throws -> BundleResponse {
        let group = MultiThreadedEventLoopGroup.singleton
        let response = group.any().makePromise(of: BundleResponse.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: response.futureResult.eventLoop)
                .connectTimeout(.nanoseconds(Int64(min(self.timeout, .seconds(10)) / .nanoseconds(1))))
                .channelInitializer { channel in
                    security.secure(channel, for: url).flatMapThrowing {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(ByteLimit(bytes: BundleResponse.maxBytes))
                        try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
                        try pipeline.addHandler(BundleRequest(url: url, response: response))
                    }
                }
                .connect(host: url.host, port: url.port).get()
        } catch {
            response.fail(error)
            _ = try? await response.futureResult.get()
            throw BundleFetchError.connectionFailed("\(error)")
        }
        return try await withTaskCancellationHandler {
            try await response.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// How the server of one fetch is known, at its first URL and at those it redirects to.
private enum TransportSecurity: Sendable {
    case web(WebTLSClient)
    case spiffe(SPIFFETLSContexts)

    func secure(_ channel: any Channel, for url: BundleEndpointURL) -> EventLoopFuture<Void> {
        switch self {
        case .web(let client): client.secureClient(channel, host: url.isAddress ? nil : url.host)
        case .spiffe(let contexts): contexts.secureClient(channel)
        }
    }
}
