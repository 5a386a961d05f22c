import AsyncHTTPClient
import AuthorizationOAuth
import Crypto
import JOSE
import NIOCore
import NIOHTTP1
import Rotation
import Synchronization
import TestSupport

/// An HTTP endpoint that answers as the test says, and remembers what it was sent.
final class ScriptedEndpoint: Sendable {
    struct Away: Error {}

    struct Request: Sendable {
        let method: String
        let url: String
        let headers: HTTPHeaders
        let body: String
    }

    let requests = Recorded<Request>()

    private enum Answer: Sendable {
        case text(String, status: UInt)
        /// A head, and nothing after it.
        case head
        /// Once the test says so.
        case later(String, AsyncStream<Never>)
        case failure
    }

    private let answer = Mutex(Answer.failure)

    /// Answers so from now on.
    func answer(_ body: String, status: UInt = 200) { self.answer.withLock { $0 = .text(body, status: status) } }

    /// Answers with a head from now on, and never with a body.
    func stall() { self.answer.withLock { $0 = .head } }

    /// Answers from now on when what is returned is called.
    func answerLater(_ body: String) -> @Sendable () -> Void {
        let (gate, open) = AsyncStream<Never>.makeStream()
        self.answer.withLock { $0 = .later(body, gate) }
        return { open.finish() }
    }

    /// Fails from now on.
    func goAway() { self.answer.withLock { $0 = .failure } }

    var client: OAuthHTTPClient { self.client(.system) }

    /// A client whose limits are by the time of a test.
    func client(_ instants: Instants) -> OAuthHTTPClient {
        OAuthHTTPClient(instants: instants) { request, _ in
            let body = try await request.body?.collect(upTo: 100_000)
            // Before it counts as made: who waits for that sets the next one's answer.
            let answer = self.answer.withLock { $0 }
            self.requests.append(
                Request(
                    method: request.method.rawValue, url: request.url, headers: request.headers,
                    body: body.map { String(buffer: $0) } ?? ""))
            switch answer {
            case .text(let text, let status):
                return HTTPClientResponse(
                    status: HTTPResponseStatus(statusCode: Int(status)), body: .bytes(ByteBuffer(string: text)))
            case .head: return HTTPClientResponse(status: .ok, body: .stream(AsyncStream { _ in }))
            case .later(let text, let gate):
                for await _ in gate {}
                return HTTPClientResponse(status: .ok, body: .bytes(ByteBuffer(string: text)))
            case .failure: throw Away()
            }
        }
    }
}

/// The JWK Set of some keys.
func keySet(_ keys: [String: P256.Signing.PublicKey]) -> String {
    let entries = keys.sorted { $0.key < $1.key }.map { id, key in
        let raw = key.rawRepresentation
        return """
            {"kty":"EC","crv":"P-256","use":"sig","kid":"\(id)",\
            "x":"\(Base64URL.encode(raw.prefix(32)))","y":"\(Base64URL.encode(raw.suffix(32)))"}
            """
    }
    return "{\"keys\":[\(entries.joined(separator: ","))]}"
}

/// Chance that takes nothing away.
struct NoChance: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}
