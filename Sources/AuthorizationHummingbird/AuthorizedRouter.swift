public import AccessTokens
public import Hummingbird
public import ServiceAuthorization

/// A router whose routes demand an access token, each by a rule of its own, and refuse every call where nobody wrote one.
///
/// ```swift
/// let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: validator)
/// router.exempt("healthz", method: .get) { _, _ in HTTPResponse.Status.ok }
/// router.requireScopes(all: "payments:create").post("payments", use: payments.create)
/// router.requireScopes(any: "payments:read", "payments:audit").get("payments/:id", use: payments.show)
/// let app = Application(router: router, server: .spiffe(source: identity, policy: .memberOf(trustDomain)))
/// ```
///
/// A route that is added to the router itself has no rule: it answers 403 until it gets one, and its handler never runs.
/// Answers are those of RFC 6750 §3.1: see ``AuthorizationMiddleware``.
public final class AuthorizedRouter<Context: AuthorizedRequestContext>: RouterMethods, HTTPResponderBuilder {
    private let router: Router<Context>
    private let validator: TokenValidator
    private var middlewares: [any MiddlewareProtocol<Request, Response, Context>] = []
    /// The routes that were exempted, as `GET /healthz`: for the test that pins them.
    public private(set) var exemptRoutes: [String] = []

    /// - Parameters:
    ///   - context: The type of the requests' contexts.
    ///   - validator: Judges the tokens of all routes.
    ///   - options: As of a `Router`.
    public init(context: Context.Type = Context.self, validator: TokenValidator, options: RouterOptions = []) {
        self.router = Router(context: context, options: options)
        self.validator = validator
    }

    /// Routes that need each of these scopes.
    ///
    /// - Parameters:
    ///   - scopes: At least one.
    ///   - whenStale: What happens when the state of revocations is too old. Default: the call is refused.
    ///   - mode: Default: the rule is enforced.
    ///   - orAllows: A rule of the service beside the scopes; see ``RequestRule/orAllows``. Default: none.
    public func requireScopes(
        all scopes: Scope..., whenStale: StalenessRule = .refuse, mode: RouteRule.Mode = .enforce,
        or orAllows: RequestRule<Context>.Owner? = nil
    ) -> RouterGroup<Context> {
        self.require(RequestRule(.all(ScopeSet(literal: scopes)), whenStale: whenStale, mode: mode, or: orAllows))
    }

    /// Routes that need at least one of these scopes.
    ///
    /// Parameters are those of ``requireScopes(all:whenStale:mode:or:)``.
    public func requireScopes(
        any scopes: Scope..., whenStale: StalenessRule = .refuse, mode: RouteRule.Mode = .enforce,
        or orAllows: RequestRule<Context>.Owner? = nil
    ) -> RouterGroup<Context> {
        self.require(RequestRule(.any(ScopeSet(literal: scopes)), whenStale: whenStale, mode: mode, or: orAllows))
    }

    /// Routes with this rule.
    public func require(_ rule: RequestRule<Context>) -> RouterGroup<Context> { self.checked(by: rule) }

    /// A route that demands nothing, such as the health check of a load balancer.
    ///
    /// Each is named by itself: there is no way to exempt a group.
    @discardableResult
    public func exempt(
        _ path: RouterPath, method: HTTPRequest.Method,
        use handler: @Sendable @escaping (Request, Context) async throws -> some ResponseGenerator
    ) -> Self {
        self.exemptRoutes.append("\(method.rawValue) \(path)")
        self.router.group().on(path, method: method, use: handler)
        return self
    }

    /// Adds a route without a rule: it refuses.
    @discardableResult
    public func on<Responder: HTTPResponder>(
        _ path: RouterPath, method: HTTPRequest.Method, responder: Responder
    ) -> Self where Responder.Context == Context {
        self.checked(by: nil).on(path, method: method, responder: responder)
        return self
    }

    /// Adds a middleware that sees calls after they were let in; for the routes that are added later.
    @discardableResult
    public func add(middleware: any MiddlewareProtocol<Request, Response, Context>) -> Self {
        self.middlewares.append(middleware)
        return self
    }

    /// Adds a middleware that sees every call before it is judged, as logs and metrics do; for the routes that are added
    /// later.
    ///
    /// What it answers by itself, it answers to everybody.
    @discardableResult
    public func addBeforeAuthorization(middleware: any MiddlewareProtocol<Request, Response, Context>) -> Self {
        self.router.add(middleware: middleware)
        return self
    }

    public func buildResponder() -> RouterResponder<Context> { self.router.buildResponder() }

    private func checked(by rule: RequestRule<Context>?) -> RouterGroup<Context> {
        let group = self.router.group().add(middleware: AuthorizationMiddleware(self.validator, rule: rule))
        for middleware in self.middlewares { group.add(middleware: middleware) }
        return group
    }
}
