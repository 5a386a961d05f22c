package import SPIFFE

/// Why authorities cannot be configured like this.
package enum AuthorityConfigurationError: Error, Hashable {
    /// The trust domain name begins or ends with a dot, or has two in a row: Go's parser refuses such certificates.
    case emptyLabel(TrustDomain)
    /// The lifetime of authorities is out of range or has a fraction of a second.
    case invalidCATTL(Duration)
    /// The refresh hint is out of range or has a fraction of a second.
    case invalidRefreshHint(Duration)
    /// The issuer name for JWT-SVIDs is empty or too long.
    case invalidJWTIssuer
    /// A part of the subject is malformed; which one.
    case invalidSubject(part: String)
    /// A default lifetime of SVIDs is not above zero.
    case invalidDefaultTTL(Duration)
    /// The authorities cannot always grant a default lifetime of SVIDs.
    ///
    /// `sufficientCATTL` is the shortest lifetime of authorities with which they could; nil when there is none, because
    /// the longest guaranteed lifetime is 7 days.
    case ttlNotGuaranteed(defaultTTL: Duration, guaranteed: Duration, sufficientCATTL: Duration?)
}

extension AuthorityConfigurationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .emptyLabel(let trustDomain):
            "the trust domain name '\(trustDomain)' has an empty label; Go programs refuse its certificates"
        case .invalidCATTL(let ttl):
            "the authorities' lifetime \(ttl.text) is not whole seconds between "
                + "\(AuthorityConfiguration.caTTLs.lowerBound.text) and "
                + "\(AuthorityConfiguration.caTTLs.upperBound.text)"
        case .invalidRefreshHint(let hint):
            "the refresh hint \(hint.text) is not whole seconds from 0 to \(AuthorityConfiguration.maxRefreshHint.text)"
        case .invalidJWTIssuer:
            "the JWT issuer does not have 1 to \(AuthorityConfiguration.maxJWTIssuerBytes) bytes"
        case .invalidSubject(let part): "the authority's subject has a malformed \(part)"
        case .invalidDefaultTTL(let ttl): "the default lifetime of SVIDs is \(ttl.text); it must be above zero"
        case .ttlNotGuaranteed(let ttl, let guaranteed, let sufficient):
            "the default lifetime of SVIDs is \(ttl.text), but the authorities guarantee only \(guaranteed.text): lower "
                + "it to that"
                + (sufficient.map { ", or raise the authorities' lifetime to at least \($0.text)" } ?? "")
        }
    }
}

extension Duration {
    /// As people write it in configurations: `36h`, `1h30m`, `45s`; with a fraction of a second, as the library does.
    fileprivate var text: String {
        guard self.isWholeSeconds, self > .zero else { return self == .zero ? "0s" : "\(self)" }
        let seconds = self.components.seconds
        let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        return parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
    }
}
