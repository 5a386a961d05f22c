import SPIFFE

/// The bearer token of a call, as RFC 6750 §2.1 lets it travel: in one `Authorization` header, and nowhere else.
public enum BearerCredentials {
    /// Takes the token out of the values of all `Authorization` headers of a request.
    ///
    /// The scheme is compared without case (RFC 9110 §11.1). Credentials of another scheme are no bearer token.
    ///
    /// - Throws: `.missingToken` when there is none, `.malformedRequest` when there are two headers, or the token is no
    ///   `b64token`.
    public static func token(authorization values: [String]) throws(TokenRefusal) -> String {
        do {
            return try BearerToken.token(authorization: values)
        } catch {
            throw error == .missing ? .missingToken : .malformedRequest
        }
    }
}
