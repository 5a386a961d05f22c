public import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
package import Rotation
public import SPIFFEHTTPClient

/// The connections to an issuer, which proves itself by its X509-SVID or by a certificate of the Web.
///
/// Follows no redirections: a request may bring an assertion, which is for the issuer alone.
public final class OAuthHTTPClient: Sendable {
    /// How long a request may take until its whole answer has been read.
    private static let timeout: Duration = .seconds(10)

    private let instants: Instants
    private let execute: @Sendable (HTTPClientRequest, TimeAmount) async throws -> HTTPClientResponse
    private let own: HTTPClient?

    /// Calls an issuer over mutual TLS; the policy of the client names it.
    ///
    /// After a rotation connections are made anew, so that tokens are bound to the SVID that services are called by.
    ///
    /// - Parameter client: Shut down by whoever made it.
    public init(_ client: SPIFFEHTTPClient) {
        self.own = nil
        self.instants = .system
        self.execute = { try await client.executePresentingCurrent($0, timeout: $1) }
    }

    /// Calls an issuer that has a certificate for its host name.
    ///
    /// To be shut down by ``shutdown()``.
    ///
    /// - Parameter configuration: Limits, timeouts, the pool and the roots of TLS. What it says of redirections is not
    ///   used.
    public init(configuration: HTTPClient.Configuration = .init()) {
        var configuration = configuration
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.own = client
        self.instants = .system
        self.execute = { try await client.execute($0, timeout: $1) }
    }

    /// Calls nobody: whatever is sent is answered by a closure.
    package init(
        instants: Instants = .system,
        execute: @escaping @Sendable (HTTPClientRequest, TimeAmount) async throws -> HTTPClientResponse
    ) {
        self.own = nil
        self.instants = instants
        self.execute = execute
    }

    /// Closes the connections of a client for certificates of the Web.
    public func shutdown() async throws {
        try await self.own?.shutdown()
    }

    /// Sends a request and reads its whole answer.
    ///
    /// - Throws: ``OAuthClientError/notHTTPS`` before anything is sent, `.answerTooLong`, `.timedOut`; what the client
    ///   throws.
    func answer(to request: HTTPClientRequest, maxBytes: Int) async throws -> (status: UInt, body: [UInt8]) {
        guard request.url.prefix(8).lowercased() == "https://" else { throw OAuthClientError.notHTTPS }
        do {
            // The client's own limit ends with the head of the answer.
            return try await self.instants.withTimeLimit(Self.timeout) {
                try await self.read(request, maxBytes: maxBytes, timeout: TimeAmount(Self.timeout))
            }
        } catch is TimeLimitExceeded {
            throw OAuthClientError.timedOut
        } catch let error as HTTPClientError where error == .deadlineExceeded {
            throw OAuthClientError.timedOut
        }
    }

    private func read(
        _ request: HTTPClientRequest, maxBytes: Int, timeout: TimeAmount
    ) async throws -> (status: UInt, body: [UInt8]) {
        let response = try await self.execute(request, timeout)
        var body: [UInt8] = []
        for try await part in response.body {
            guard body.count + part.readableBytes <= maxBytes else {
                throw OAuthClientError.answerTooLong(maxBytes: maxBytes)
            }
            body += part.readableBytesView
        }
        return (response.status.code, body)
    }
}
