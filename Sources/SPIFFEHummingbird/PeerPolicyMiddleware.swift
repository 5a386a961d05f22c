public import Hummingbird
import SPIFFE
public import SPIFFETLS

/// Answers 403 to peers that a policy does not authorize: for routes that fewer may use than may connect.
public struct PeerPolicyMiddleware<Context: RequestContext>: RouterMiddleware {
    private let policy: PeerPolicy

    public init(_ policy: PeerPolicy) {
        self.policy = policy
    }

    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let peer = SPIFFEConnection.peer, self.policy.authorizes(peer.id) else { throw HTTPError(.forbidden) }
        return try await next(request, context)
    }
}
