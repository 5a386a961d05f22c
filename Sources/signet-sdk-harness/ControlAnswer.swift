import HTTPTypes
package import Hummingbird
package import JOSE
import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import WorkloadAPI

/// What the control port answers.
package enum ControlAnswer {
    case ok(JSONObject)
    /// The library refused what it was given.
    case rejected(reason: String)
    /// The harness, not the library, could not do what was asked.
    case failed(reason: String)
    /// There is no such request, or the Workload API does not offer what it needs.
    case unsupported(reason: String)

    /// The answer to what a request ended with: each typed error of the library is a verdict of the library, but for
    /// those that say that the Workload API was not there to ask.
    package init(_ error: any Error) {
        switch error {
        case let error as WorkloadAPIError: self.init(error)
        case let error as JWTSVIDError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as SPIFFETLSError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as SPIFFEIDError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as NIOConnectionError: self.init(connecting: error)
        case let error as Dialer.HandshakeFailed: self = .rejected(reason: "tls.handshake_failed: \(error.cause)")
        case let error as ControlRequestError: self = .failed(reason: error.reason)
        default: self = .failed(reason: "\(error)")
        }
    }

    /// The library refuses to connect where it has no identity to connect with; NIO wraps that as it does a refused port.
    private init(connecting error: NIOConnectionError) {
        switch error.connectionErrors.first?.error {
        case let error as WorkloadAPIError: self.init(error)
        case let error as SPIFFETLSError: self = .rejected(reason: "\(error.label): \(error)")
        default: self = .failed(reason: "\(error)")
        }
    }

    private init(_ error: WorkloadAPIError) {
        let reason = "\(error.label): \(error)"
        switch error {
        case .permissionDenied, .invalidArgument, .invalidMessage, .noSuchSVID: self = .rejected(reason: reason)
        case .unavailable, .timedOut, .notReady, .failed: self = .failed(reason: reason)
        case .unimplemented: self = .unsupported(reason: reason)
        }
    }

    package var response: Response {
        var (status, body): (HTTPResponse.Status, JSONObject) =
            switch self {
            case .ok(let members): (.ok, members)
            case .rejected(let reason): (.unprocessableContent, ["reason": .string(reason)])
            case .failed(let reason): (.internalServerError, ["reason": .string(reason)])
            case .unsupported(let reason): (.notImplemented, ["reason": .string(reason)])
            }
        body["status"] = .string(self.word)
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: JSON.serialize(.object(body)))))
    }

    private var word: String {
        switch self {
        case .ok: "ok"
        case .rejected: "rejected"
        case .failed: "error"
        case .unsupported: "unsupported"
        }
    }
}

/// A request of the control port that cannot be read.
struct ControlRequestError: Error {
    let reason: String
}
