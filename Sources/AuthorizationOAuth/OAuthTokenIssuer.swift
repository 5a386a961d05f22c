public import AccessTokens
import AsyncHTTPClient
import FoundationEssentials
import JOSE
import NIOCore
import NIOHTTP1
package import Rotation
import SPIFFE
public import ServiceAuthorization

/// The token endpoint of an OAuth issuer: client credentials (RFC 6749 §4.4) by SVID.
///
/// Not called often: a `TokenSource` stands before it.
///
/// ```swift
/// let issuer = OAuthTokenIssuer(
///     issuer: "https://tokens.example.org", tokenEndpoint: "https://tokens.example.org:8443/oauth2/token",
///     client: OAuthHTTPClient(spiffeHTTPClient), authentication: .x509SVID(identity))
/// let tokens = TokenSource(issuer: issuer)
/// ```
public struct OAuthTokenIssuer: AccessTokenIssuer {
    /// The longest answer that is read, in bytes.
    public static let maxAnswerBytes = 65_536
    /// The longest life of a token that is taken.
    public static let maxLifetime: Duration = .seconds(86_400)
    /// The longest code of a refusal, in bytes.
    static let maxCodeBytes = 64
    /// The code of an issuer that gives tokens to newer versions of this library only.
    static let libraryTooOldCode = "signet_library_too_old"

    private let issuer: String
    private let endpoint: @Sendable () async throws -> String
    private let client: OAuthHTTPClient
    private let authentication: OAuthClientAuthentication
    private let instants: Instants

    /// - Parameters:
    ///   - issuer: As in its metadata: the audience of assertions.
    ///   - tokenEndpoint: The `token_endpoint` of its metadata.
    ///   - client: By which tokens are asked for.
    ///   - authentication: How this service says who it is.
    public init(
        issuer: String, tokenEndpoint: String, client: OAuthHTTPClient, authentication: OAuthClientAuthentication
    ) {
        self.init(
            issuer: issuer, tokenEndpoint: tokenEndpoint, client: client, authentication: authentication,
            instants: .system)
    }

    /// Asks where the token endpoint is, at each request for a token: mostly without a request of its own.
    ///
    /// A client that proves itself by its certificate uses the endpoint that the issuer has for those (RFC 8705 §5).
    public init(
        discovery: OAuthDiscovery, client: OAuthHTTPClient, authentication: OAuthClientAuthentication
    ) {
        self.issuer = discovery.issuer
        self.endpoint = {
            let metadata = try await discovery.metadata()
            return authentication.isByCertificate ? metadata.mutualTLSTokenEndpoint : metadata.tokenEndpoint
        }
        self.client = client
        self.authentication = authentication
        self.instants = .system
    }

    package init(
        issuer: String, tokenEndpoint: String, client: OAuthHTTPClient, authentication: OAuthClientAuthentication,
        instants: Instants
    ) {
        self.issuer = issuer
        self.endpoint = { tokenEndpoint }
        self.client = client
        self.authentication = authentication
        self.instants = instants
    }

    /// A token for a service.
    ///
    /// The audience is sent as `resource` (RFC 8707) where it is a URI, else as `audience`.
    ///
    /// - Throws: ``OAuthClientError``; what the source of SVIDs throws, when nothing is sent; what the client throws.
    public func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        let url = try await self.endpoint()
        let proof = try await self.authentication.proof(self.issuer, request.spiffeID)
        var parameters = [("grant_type", "client_credentials")] + proof.parameters.map { ($0.name, $0.value) }
        let isURI = request.audience.utf8.contains(UInt8(ascii: ":"))
        parameters.append((isURI ? "resource" : "audience", request.audience))
        if !request.scopes.isEmpty { parameters.append(("scope", request.scopes.text)) }

        var message = HTTPClientRequest(url: url)
        message.method = .POST
        message.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        message.headers.add(name: "Accept", value: "application/json")
        if let library = ReportedLibrary.current.report { message.headers.add(name: "User-Agent", value: library) }
        message.body = .bytes(ByteBuffer(string: Self.form(parameters)))
        // The life of the token is counted from before it was asked for: never too long.
        let askedAt = self.instants.now()
        let (status, body) = try await self.client.answer(to: message, maxBytes: Self.maxAnswerBytes)
        guard status == 200 else { throw Self.refusal(status, body) }
        return try Self.token(in: body, for: request, of: proof, askedAt: askedAt)
    }

    private static func token(
        in body: [UInt8], for request: TokenRequest, of proof: OAuthClientAuthentication.Proof, askedAt: Date
    ) throws(OAuthClientError) -> IssuedAccessToken {
        guard let members = Self.members(of: body) else { throw .malformedAnswer }
        guard let token = members["access_token"]?.string, token.utf8.count <= IssuedAccessToken.maxTokenBytes,
            BearerToken.isB64Token(token[...].utf8)
        else { throw .malformedMember("access_token") }
        guard let type = members["token_type"]?.string else { throw .malformedMember("token_type") }
        guard type.lowercased() == "bearer" else { throw .unsupportedTokenType }
        let longest = Self.maxLifetime.components.seconds
        guard let seconds = members["expires_in"]?.number?.int64, (1...longest).contains(seconds) else {
            throw .malformedMember("expires_in")
        }
        let scopes = try Self.scopes(members["scope"], asked: request.scopes)
        // Only the issuer, on its own connection, says so. A token that cannot be read may be bound: it is given up with
        // the certificate, which costs one request.
        let claims = OwnTokenContents(token)?.claims
        return IssuedAccessToken(
            token: token, audience: claims?["aud"]?.string ?? request.audience, scopes: scopes, spiffeID: proof.id,
            issuedAt: askedAt, expiresAt: askedAt.addingTimeInterval(Double(seconds)),
            isCertificateBound: claims.map { $0["cnf"] != nil } ?? true)
    }

    /// The scopes of the token: those that were asked for where the answer does not say (RFC 6749 §5.1).
    private static func scopes(_ member: JSONValue?, asked: ScopeSet) throws(OAuthClientError) -> ScopeSet {
        guard let member else { return asked }
        guard let text = member.string, let scopes = try? ScopeSet(parsing: text) else {
            throw .malformedMember("scope")
        }
        guard scopes.isSuperset(of: asked) else { throw .missingScopes(asked.subtracting(scopes)) }
        return scopes
    }

    private static func refusal(_ status: UInt, _ body: [UInt8]) -> OAuthClientError {
        guard (400...599).contains(status), let code = Self.members(of: body)?["error"]?.string,
            (1...Self.maxCodeBytes).contains(code.utf8.count), code.utf8.allSatisfy(Self.isOfCodes)
        else { return .unexpectedStatus(status) }
        guard code != Self.libraryTooOldCode else { return .libraryTooOld }
        return .refused(code: code, status: status)
    }

    /// Whether a character is one of a code as the registry of OAuth errors has them.
    private static func isOfCodes(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
    }

    private static func members(of body: [UInt8]) -> JSONObject? {
        (try? JSON.parse(body, maxBytes: Self.maxAnswerBytes))?.object
    }

    /// `application/x-www-form-urlencoded`; every byte that could mean something is escaped.
    private static func form(_ parameters: [(String, String)]) -> String {
        parameters.map { "\(Self.escaped($0.0))=\(Self.escaped($0.1))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
