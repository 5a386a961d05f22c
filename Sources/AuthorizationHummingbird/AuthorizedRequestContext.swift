public import AccessTokens
public import Hummingbird
public import SPIFFE
import SPIFFEHummingbird

/// A request context that has room for what was found out about the caller.
public protocol AuthorizedRequestContext: RequestContext {
    /// The verified peer of the connection; nil refuses every route that is not exempt.
    var peer: VerifiedX509SVID? { get }
    /// The token that was validated; nil on exempt routes, and where a route only observes and would have refused.
    var accessToken: AccessToken? { get set }
}

/// A request context that knows the verified peer and the validated token.
///
/// ```swift
/// let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: validator)
/// router.requireScopes(all: "payments:create").post("payments") { _, context in
///     "for \(context.accessToken?.claims.subject.uri ?? "nobody")"
/// }
/// ```
public struct AccessTokenRequestContext: AuthorizedRequestContext {
    public var coreContext: CoreRequestContextStorage
    public let peer: VerifiedX509SVID?
    public var accessToken: AccessToken?

    public init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.peer = SPIFFEConnection.peer
    }
}
