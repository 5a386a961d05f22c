import AccessTokens
import HTTPTypes
public import Hummingbird
import NIOCore
public import ServiceAuthorization

/// Lets only those calls through whose token is right, and puts the token into the context.
///
/// Answers the others as RFC 6750 §3 says: 401 without a code where there is no token, 400 `invalid_request` for more
/// than one, 401 `invalid_token`, 403 `insufficient_scope` with the scopes that are needed; 403 where nobody wrote a
/// rule, 503 with `Retry-After` where nothing is known about revocations. Nothing of the request's body is read before.
///
/// A body of unknown length, or of more than 64 KiB, ends when its token does: before its next part, and within a second
/// where none comes; the task that writes it is cancelled, and the connection closed. Its first part passes always.
///
/// ``AuthorizedRouter`` puts one in front of each route. On another router, routes that it is not in front of are open.
public struct AuthorizationMiddleware<Context: AuthorizedRequestContext>: RouterMiddleware {
    private let validator: TokenValidator
    private let rule: RequestRule<Context>?
    private let realm: String

    /// - Parameters:
    ///   - validator: Judges the tokens.
    ///   - rule: Nil refuses everybody.
    public init(_ validator: TokenValidator, rule: RequestRule<Context>?) {
        self.validator = validator
        self.rule = rule
        self.realm = validator.rules.audience.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline }
    }

    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        // The path as the route was written, so that records name a bounded set.
        let route = context.endpointPath.map { "\(request.method.rawValue) /\($0.drop { $0 == "/" })" } ?? "no route"
        let peer = context.peer.map(TokenPeer.init)
        let rule = self.rule?.rule(for: request, context)
        var context = context
        do throws(TokenRefusal) {
            context.accessToken = try self.validator.validate(
                authorization: Self.credentials(of: request), from: peer, by: rule, route: route)
        } catch {
            return Response(refusal: error, realm: self.realm)
        }
        var response = try await next(request, context)
        guard let token = context.accessToken, let peer, let rule else { return response }
        let validator = self.validator
        response.body = response.body.written {
            try validator.validateAgain(token, from: peer, by: rule, route: route)
        } until: {
            throw try await validator.refusal(of: token, from: peer, by: rule, route: route)
        }
        return response
    }

    /// The `Authorization` headers; with a second way of sending a token beside, which RFC 6750 §2 forbids, that counts
    /// as well.
    private static func credentials(of request: Request) -> [String] {
        let headers = request.headers[values: .authorization]
        guard !headers.isEmpty, request.uri.queryParameters["access_token"] != nil else { return headers }
        return headers + ["access_token"]
    }
}

extension Response {
    init(refusal: TokenRefusal, realm: String) {
        var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        headers[.wwwAuthenticate] = refusal.challenge(realm: realm)
        headers[.retryAfter] = refusal.retryAfterSeconds.map(String.init)
        // A label is of letters, dots and underscores.
        let body = "{\"error\":\"\(refusal.label)\"}\n"
        self.init(
            status: HTTPResponse.Status(code: refusal.httpStatus), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
