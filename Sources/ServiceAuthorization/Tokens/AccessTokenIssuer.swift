public import AccessTokens
import FoundationEssentials
import SPIFFE
public import WorkloadAPI
import WorkloadAPIProtos

/// Whoever gives this process access tokens.
///
/// Not called often: a ``TokenSource`` stands before it.
public protocol AccessTokenIssuer: Sendable {
    /// A token for a service.
    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken
}

/// An error of an ``AccessTokenIssuer`` that tells a denial from a failure.
public protocol TokenIssuerError: Error {
    /// Whether the issuer has answered, and the answer is no: a ``TokenSource`` then gives up the token it has.
    var isDenial: Bool { get }
}

extension Error {
    /// Whether an ``AccessTokenIssuer`` has answered, and the answer is no.
    package var isTokenDenial: Bool {
        switch self as? WorkloadAPIError {
        case .permissionDenied, .invalidArgument, .unimplemented: true
        // NOT_FOUND and FAILED_PRECONDITION, of gRPC: there is no such service, or it cannot be called like this.
        case .failed(status: 5, message: _), .failed(status: 9, message: _): true
        case nil: (self as? any TokenIssuerError)?.isDenial ?? false
        default: false
        }
    }
}

/// The agent of this machine, by its socket.
public struct AgentTokenIssuer: AccessTokenIssuer {
    private let client: WorkloadAPIClient

    public init(client: WorkloadAPIClient) {
        self.client = client
    }

    /// A token for a service, for this process as the agent has attested it.
    ///
    /// - Throws: `WorkloadAPIError`: `.permissionDenied` when the scopes are not granted or this library is too old, `.unavailable` when the server
    ///   is away and the agent has no token, `.unimplemented` when the server issues none.
    public func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        var message = Signet_Workload_V1_FetchAccessTokenRequest()
        message.audience = request.audience
        message.scopes = request.scopes.names
        message.spiffeID = request.spiffeID?.uri ?? ""
        message.library = ReportedLibrary.current.report ?? ""
        let response = try await self.client.call(WorkloadAccessTokenMethods.fetchAccessToken, message)
        do {
            return try IssuedAccessToken(response)
        } catch {
            throw WorkloadAPIError.invalidMessage(error)
        }
    }
}

extension IssuedAccessToken {
    init(_ message: Signet_Workload_V1_FetchAccessTokenResponse) throws(WorkloadAPIMessageError) {
        guard !message.accessToken.isEmpty else { throw .missing(field: "access_token") }
        guard message.accessToken.utf8.count <= Self.maxTokenBytes else {
            throw .tooMany(field: "access_token", limit: Self.maxTokenBytes)
        }
        guard !message.audience.isEmpty else { throw .missing(field: "audience") }
        guard let issuedAt = Date(wireSeconds: message.issuedAt), let expiresAt = Date(wireSeconds: message.expiresAt),
            issuedAt < expiresAt
        else { throw .missing(field: "expires_at") }
        let scopes: ScopeSet
        do { scopes = try ScopeSet(parsing: message.scopes) } catch {
            throw .tooMany(field: "scopes", limit: ScopeSet.maxScopes)
        }
        let id: SPIFFEID
        do { id = try SPIFFEID(parsing: message.spiffeID) } catch { throw .malformedID(field: "spiffe_id", error) }
        self.init(
            token: message.accessToken, audience: message.audience, scopes: scopes, spiffeID: id,
            issuedAt: issuedAt, expiresAt: expiresAt, isCertificateBound: message.certificateBound)
    }
}
