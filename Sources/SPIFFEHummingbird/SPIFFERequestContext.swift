public import Hummingbird
public import SPIFFE

/// A request context that knows who sent the request.
///
/// ```swift
/// let router = Router(context: SPIFFERequestContext.self)
/// router.get("whoami") { _, context in "\(context.peer?.id.uri ?? "nobody")" }
/// ```
public struct SPIFFERequestContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The verified peer; nil only where the server is not one of `HTTPServerBuilder.spiffe`.
    public let peer: VerifiedX509SVID?

    public init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.peer = SPIFFEConnection.peer
    }
}
