import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import SPIFFE
import SPIFFETLS
import WorkloadAPI

/// What the control port answers.
enum ControlAnswer {
    case ok(JSONObject)
    /// The library refused what it was given.
    case rejected(reason: String)
    /// The harness, not the library, could not do what was asked.
    case failed(reason: String)
    /// There is no such request.
    case unsupported

    /// The answer to what a request ended with: each typed error of the library is a verdict of the library.
    init(_ error: any Error) {
        switch error {
        case let error as WorkloadAPIError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as JWTSVIDError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as SPIFFETLSError: self = .rejected(reason: "\(error.label): \(error)")
        case let error as SPIFFEIDError: self = .rejected(reason: "spiffe_id: \(error)")
        case let error as Dialer.HandshakeFailed: self = .rejected(reason: "tls.handshake_failed: \(error.cause)")
        case let error as ControlRequestError: self = .failed(reason: error.reason)
        default: self = .failed(reason: "\(error)")
        }
    }

    var response: Response {
        var (status, body): (HTTPResponse.Status, JSONObject) =
            switch self {
            case .ok(let members): (.ok, members)
            case .rejected(let reason): (.unprocessableContent, ["reason": .string(reason)])
            case .failed(let reason): (.internalServerError, ["reason": .string(reason)])
            case .unsupported: (.notImplemented, [:])
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
