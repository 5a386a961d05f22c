import HTTPTypes
import JOSE

/// An answer of the authorization server, whole.
struct OAuthAnswer: Sendable {
    private(set) var head: HTTPResponse
    private(set) var body: [UInt8]
    /// Whether the connection ends with it: what would come next on it is not known.
    private(set) var endsConnection = false

    init(_ status: HTTPResponse.Status, _ fields: HTTPFields = [:], body: [UInt8] = []) {
        self.head = HTTPResponse(status: status, headerFields: fields)
        self.head.headerFields[.contentLength] = "\(body.count)"
        self.body = body
    }

    /// What one client is told and nobody may keep.
    static func secret(_ members: JSONObject) -> OAuthAnswer {
        OAuthAnswer(.ok, Self.secretFields, body: JSON.serialize(.object(members)))
    }

    /// What everybody may read and keep for a while.
    static func published(_ body: [UInt8], type: String, maxAgeSeconds: Int) -> OAuthAnswer {
        OAuthAnswer(.ok, [.contentType: type, .cacheControl: "public, max-age=\(maxAgeSeconds)"], body: body)
    }

    /// A refusal (RFC 6749 §5.2).
    ///
    /// - Parameter challenge: How a client that is not known is told to authenticate itself, with 401; nil answers 400.
    static func refusal(_ error: OAuthError, challenge: String?) -> OAuthAnswer {
        var status: HTTPResponse.Status = .badRequest
        var fields = Self.secretFields
        if error.code == .invalidClient, let challenge {
            status = .unauthorized
            fields[.wwwAuthenticate] = challenge
        } else if error.code == .temporarilyUnavailable {
            status = .serviceUnavailable
            fields[.retryAfter] = "1"
        }
        return OAuthAnswer(
            status, fields,
            body: JSON.serialize(["error": .string(error.code.rawValue), "error_description": .string(error.text)]))
    }

    /// The answer to HEAD where this is the one to GET.
    consuming func withoutBody() -> OAuthAnswer {
        self.body = []
        return self
    }

    /// The last answer of its connection, with another status.
    consuming func ending(_ status: HTTPResponse.Status) -> OAuthAnswer {
        self.head.status = status
        self.head.headerFields[.connection] = "close"
        self.endsConnection = true
        return self
    }

    /// RFC 6749 §5.1 demands both fields.
    private static let secretFields: HTTPFields = {
        var fields: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        if let pragma = HTTPField.Name("Pragma") { fields[pragma] = "no-cache" }
        return fields
    }()
}
