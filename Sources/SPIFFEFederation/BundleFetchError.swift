public import SPIFFE

/// Why a bundle could not be fetched.
///
/// Whoever holds a bundle from before keeps it.
@nonexhaustive
public enum BundleFetchError: Error, Hashable {
    /// There is no bundle to prove the server with: that of its trust domain is missing (SPIFFE Federation §5.2.2).
    case serverTrustDomainUnknown(TrustDomain)
    /// There was no connection, or it ended early. The text is the cause.
    case connectionFailed(String)
    /// The server did not prove who it is, or TLS failed otherwise. The text is the cause.
    case serverRefused(String)
    /// The answer was not complete in time.
    case timedOut
    /// The answer is no HTTP/1.1 response.
    case malformedResponse
    /// The answer, or its header, is longer than is read.
    case tooLong
    /// The content has a coding that was not asked for.
    case encoded(String)
    /// The status is neither 200 nor a redirection.
    case status(Int)
    /// The server redirects, and redirections are not followed.
    case redirected(status: Int)
    /// The server redirects to what is no URL of a bundle endpoint; nil for none at all.
    case redirectionRefused(BundleEndpointURLError?)
    /// The redirections did not come to an end.
    case tooManyRedirections
    /// The content is no bundle document.
    case malformedBundle(TrustBundleError)
}

extension BundleFetchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .serverTrustDomainUnknown(let trustDomain):
            "no trust bundle of \(trustDomain), which the endpoint's server belongs to"
        case .connectionFailed(let cause): "no connection: \(cause)"
        case .serverRefused(let cause): "the server did not prove who it is: \(cause)"
        case .timedOut: "no complete answer in time"
        case .malformedResponse: "the answer is not HTTP"
        case .tooLong: "the answer is too long"
        case .encoded(let coding): "the content is encoded as \(coding), which was not asked for"
        case .status(let status): "the server answered with status \(status)"
        case .redirected(let status): "the server redirects with status \(status), which is not allowed here"
        case .redirectionRefused(nil): "the server redirects without saying where to"
        case .redirectionRefused(.some(let reason)): "the server redirects to what is no bundle endpoint: \(reason)"
        case .tooManyRedirections: "the server redirects too many times"
        case .malformedBundle(let error): "the content is no trust bundle: \(error)"
        }
    }
}
