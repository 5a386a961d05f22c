import AccessGrants

/// Why an OAuth endpoint refuses a request, as its answer says it (RFC 6749 §5.2).
package struct OAuthError: Error, Hashable {
    package enum Code: String, Sendable {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case unauthorizedClient = "unauthorized_client"
        case unsupportedGrantType = "unsupported_grant_type"
        case invalidScope = "invalid_scope"
        /// RFC 8707 §2.
        case invalidTarget = "invalid_target"
        case temporarilyUnavailable = "temporarily_unavailable"
        /// One of our own (RFC 6749 §8.5), for clients that name themselves as the library of Signet.
        case libraryTooOld = "signet_library_too_old"
    }

    package let code: Code
    /// A stable word for audit records.
    package let reason: String
    /// For the developer of the client; only characters that RFC 6749 §5.2 allows.
    package let text: String
    /// What an operator has to do, for audit records, where the reason alone does not say it.
    package let remedy: String?

    package init(_ code: Code, _ reason: String, _ text: String, remedy: String? = nil) {
        self.code = code
        self.reason = reason
        self.remedy = remedy
        self.text = String(decoding: text.utf8.map(Self.allowed), as: UTF8.self)
    }

    /// The byte, or one that is allowed in its place: `%x20-21 / %x23-5B / %x5D-7E`.
    private static func allowed(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x20, 0x21, 0x23...0x5B, 0x5D...0x7E: byte
        case 0x22: UInt8(ascii: "'")
        default: UInt8(ascii: "?")
        }
    }
}

extension OAuthError {
    init(_ error: FormError) {
        switch error {
        case .tooLong:
            self.init(.invalidRequest, "body_too_long", "the body has more than \(FormParameters.maxBytes) bytes")
        case .tooMany:
            self.init(
                .invalidRequest, "too_many_parameters", "there are more than \(FormParameters.maxParameters) parameters"
            )
        case .malformed:
            self.init(.invalidRequest, "malformed_body", "the body is not form-urlencoded UTF-8")
        case .repeated:
            self.init(.invalidRequest, "repeated_parameter", "a parameter is included more than once")
        }
    }

    /// What is no refusal: an endpoint failed, or was given up with its connection or this server.
    package init(failure: any Error) {
        if failure is CancellationError {
            self.init(.temporarilyUnavailable, "cancelled", "the server ended the request: try again")
        } else {
            self.init(.temporarilyUnavailable, "internal", "the server failed: try again")
        }
    }

    /// Why a client gets no token.
    init(_ refusal: TokenRefusal) {
        let code: Code =
            switch refusal {
            case .grant(.unknownCaller), .revoked: .invalidClient
            case .grant(.unknownAudience), .grant(.notGranted), .grant(.expired): .invalidTarget
            case .grant(.noScope), .grant(.scopesNotGranted), .grant(.tooManyScopes): .invalidScope
            case .certificateMissing: .invalidRequest
            case .beingRevoked, .notSigned: .temporarilyUnavailable
            case .libraryTooOld: .libraryTooOld
            }
        self.init(code, refusal.label, "\(refusal)", remedy: refusal.remedy)
    }
}
