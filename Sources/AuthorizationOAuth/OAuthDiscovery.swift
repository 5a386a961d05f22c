import AccessTokens
import AsyncHTTPClient
import FoundationEssentials
import NIOHTTP1
package import Rotation
import Synchronization

/// The endpoints of an issuer, found out from its metadata (RFC 8414).
///
/// The document is fetched when it is first needed, and again when it is ten minutes old; whoever needs it at the same
/// time shares a request. While it cannot be fetched, or says what it must not, the last good one serves for a day, and
/// the issuer is asked every thirty seconds at most, which holds up nobody for more than a second. Redirections are not
/// followed.
///
/// ```swift
/// let discovery = OAuthDiscovery(issuer: "https://tokens.example.org", client: client)
/// let tokens = TokenSource(
///     issuer: OAuthTokenIssuer(discovery: discovery, client: client, authentication: .x509SVID(identity)),
///     identity: identity)
/// let keys = JWKSetState(discovery: discovery, client: client)
/// ```
public final class OAuthDiscovery: Sendable {
    /// How old a document becomes before it is fetched again.
    public static let refreshInterval: Duration = .seconds(600)
    /// How long the last good document serves while there is no other.
    public static let keptFor: Duration = .seconds(86_400)
    /// The least time between two requests while the last good document serves.
    public static let retryInterval: Duration = .seconds(30)
    /// How long a new document is waited for while the last good one can serve.
    public static let patience: Duration = .seconds(1)

    private struct State {
        var good: (metadata: OAuthIssuerMetadata, at: Date)?
        var failedAt: Date?
        /// When the request was begun that is under way beside those who have a good document.
        var askedAt: Date?
    }

    public let issuer: String
    private let client: OAuthHTTPClient
    private let instants: Instants
    private let state = Mutex(State())
    private let flights = SingleFlight<String, OAuthIssuerMetadata>()

    /// - Parameters:
    ///   - issuer: As in the `iss` of its tokens: an `https` URL, to which that of the document must be equal.
    ///   - client: By which the document is fetched.
    public convenience init(issuer: String, client: OAuthHTTPClient) {
        self.init(issuer: issuer, client: client, instants: .system)
    }

    package init(issuer: String, client: OAuthHTTPClient, instants: Instants) {
        self.issuer = issuer
        self.client = client
        self.instants = instants
    }

    /// The metadata of the issuer.
    ///
    /// - Throws: ``OAuthClientError``, and what the client throws, when there is no good document that serves still.
    public func metadata() async throws -> OAuthIssuerMetadata {
        if let metadata = self.kept() { return metadata }
        let now = self.instants.now()
        guard let (last, _) = self.lastGood(now: now) else { return try await self.fetched() }
        let waited = Self.age(of: self.begin(now: now), now: now) ?? .zero
        guard waited < Self.patience else { return last }
        do {
            return try await self.instants.withTimeLimit(Self.patience - waited) { try await self.fetched() }
        } catch {
            try Task.checkCancellation()
            return last
        }
    }

    /// Fetches a document that nobody has to wait for, unless that is being done; returns since when it is.
    private func begin(now: Date) -> Date {
        let (askedAt, begins) = self.state.withLock { state in
            let begins = state.askedAt == nil
            let askedAt = state.askedAt ?? now
            state.askedAt = askedAt
            return (askedAt, begins)
        }
        if begins {
            // Not a task of the caller: the request goes on when that has a document. The client ends it, by its limit.
            Task.immediate {
                _ = try? await self.fetched()
                self.state.withLock { $0.askedAt = nil }
            }
        }
        return askedAt
    }

    /// The document of the issuer; the last good one where there is none to be had.
    private func fetched() async throws -> OAuthIssuerMetadata {
        try await self.flights.run(self.issuer) {
            // Somebody may have fetched it since this caller looked.
            if let metadata = self.kept() { return metadata }
            let now = self.instants.now()
            do {
                let metadata = try await self.fetch()
                self.state.withLock { ($0.good, $0.failedAt) = ((metadata, now), nil) }
                return metadata
            } catch {
                try Task.checkCancellation()
                self.state.withLock { $0.failedAt = now }
                guard let metadata = self.kept() else { throw error }
                return metadata
            }
        }
    }

    /// The document that serves now without a request.
    private func kept() -> OAuthIssuerMetadata? {
        let now = self.instants.now()
        guard let (metadata, age) = self.lastGood(now: now) else { return nil }
        if age < Self.refreshInterval { return metadata }
        let failedAt = self.state.withLock { $0.failedAt }
        guard let failedAt, let time = Self.age(of: failedAt, now: now), time < Self.retryInterval else { return nil }
        return metadata
    }

    /// The last good document, while it serves where there is no other.
    private func lastGood(now: Date) -> (metadata: OAuthIssuerMetadata, age: Duration)? {
        guard let (metadata, at) = self.state.withLock({ $0.good }), let age = Self.age(of: at, now: now),
            age < Self.keptFor
        else { return nil }
        return (metadata, age)
    }

    /// Nil where the clock was set back: then nothing is known of the age.
    private static func age(of moment: Date, now: Date) -> Duration? {
        now < moment ? nil : .seconds(now.timeIntervalSince(moment))
    }

    private func fetch() async throws -> OAuthIssuerMetadata {
        var request = HTTPClientRequest(url: try OAuthIssuerMetadata.url(of: self.issuer))
        request.headers.add(name: "Accept", value: "application/json")
        if let library = ReportedLibrary.current.report { request.headers.add(name: "User-Agent", value: library) }
        let (status, body) = try await self.client.answer(to: request, maxBytes: OAuthIssuerMetadata.maxBytes)
        guard status == 200 else { throw OAuthClientError.unexpectedStatus(status) }
        return try OAuthIssuerMetadata(parsing: body, issuer: self.issuer)
    }
}
