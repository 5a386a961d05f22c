public import FoundationEssentials
public import JOSE

/// Why a WIT-SVID is not presented.
@nonexhaustive
public enum WITPresentationError: Error, Hashable {
    /// The target is no `https` URI; WIT-SVID and proof travel over secure channels only (WIT-SVID §7).
    case insecureTarget
    /// There are more tokens beside the WIT-SVID than a proof covers.
    case tooManyTokens(limit: Int)
    /// The WIT-SVID has expired.
    case expired(Date)
    /// The wanted lifetime of the proof is not from a second to the longest allowed.
    case lifetime(Duration)
    /// The private key did not sign.
    case signing(JWSSigningError)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .insecureTarget: "wit_presentation.insecure_target"
        case .tooManyTokens: "wit_presentation.too_many_tokens"
        case .expired: "wit_presentation.expired"
        case .lifetime: "wit_presentation.lifetime"
        case .signing: "wit_presentation.signing"
        }
    }
}

extension WITPresentationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .insecureTarget: "the target is not an https URI"
        case .tooManyTokens(let limit): "there are more than \(limit) other tokens"
        case .expired(let moment): "the WIT-SVID is not valid after \(moment.formatted(.iso8601))"
        case .lifetime(let lifetime): "a proof cannot be valid for \(lifetime)"
        case .signing(let error): "the private key did not sign: \(error)"
        }
    }
}
