package import KeyManagement
import Rotation
package import SPIFFE

/// How the authorities of a trust domain are made, and what they put into SVIDs.
package struct AuthorityConfiguration: Sendable, Hashable {
    /// The lifetimes an authority may have: 6 seconds to 100 years.
    package static let caTTLs: ClosedRange<Duration> = .seconds(6) ... .seconds(36_525 * 86_400)
    /// The longest refresh hint: 68 years.
    package static let maxRefreshHint: Duration = .seconds(TrustBundle.maxRefreshHintSeconds)
    /// The longest issuer name in JWT-SVIDs, in bytes.
    package static let maxJWTIssuerBytes = 2_048

    package let trustDomain: TrustDomain
    /// The kind of key of X.509 authorities.
    package let caKeyType: KeyType
    /// The kind of key of JWT authorities.
    package let jwtKeyType: KeyType
    /// The kind of key of WIT authorities; nil where WIT-SVIDs are not issued.
    package let witKeyType: KeyType?
    /// How long an authority of any kind lives; whole seconds.
    package let caTTL: Duration
    /// The subject of X.509 authorities; each one's certificate serial number is added to it.
    package let caSubject: AuthoritySubject
    /// The `iss` of JWT-SVIDs; nil leaves it out.
    package let jwtIssuer: String?
    /// How often those who fetch the trust bundle should come back; whole seconds.
    package let refreshHint: Duration

    /// Checks a configuration.
    ///
    /// - Parameters:
    ///   - caKeyType: EC on P-256 by default.
    ///   - jwtKeyType: As `caKeyType` by default.
    ///   - witKeyType: None by default: WIT-SVIDs are not issued.
    ///   - caTTL: 24 hours by default; whole seconds in ``caTTLs``.
    ///   - caSubject: `C=US, O=SPIFFE` by default.
    ///   - jwtIssuer: None by default.
    ///   - refreshHint: 5 minutes by default; whole seconds from 0 to ``maxRefreshHint``.
    package init(
        trustDomain: TrustDomain, caKeyType: KeyType = .ecP256, jwtKeyType: KeyType? = nil,
        witKeyType: KeyType? = nil, caTTL: Duration = .seconds(86_400), caSubject: AuthoritySubject = .standard,
        jwtIssuer: String? = nil,
        refreshHint: Duration = .seconds(300)
    ) throws(AuthorityConfigurationError) {
        guard !trustDomain.hasEmptyLabel else { throw .emptyLabel(trustDomain) }
        guard Self.caTTLs.contains(caTTL), caTTL.isWholeSeconds else { throw .invalidCATTL(caTTL) }
        guard (.zero...Self.maxRefreshHint).contains(refreshHint), refreshHint.isWholeSeconds else {
            throw .invalidRefreshHint(refreshHint)
        }
        if let jwtIssuer {
            guard (1...Self.maxJWTIssuerBytes).contains(jwtIssuer.utf8.count) else { throw .invalidJWTIssuer }
        }
        self.trustDomain = trustDomain
        self.caKeyType = caKeyType
        self.jwtKeyType = jwtKeyType ?? caKeyType
        self.witKeyType = witKeyType
        self.caTTL = caTTL
        self.caSubject = caSubject
        self.jwtIssuer = jwtIssuer
        self.refreshHint = refreshHint
    }

    /// The longest lifetime that an SVID is granted at any moment; what is asked beyond it may be cut when issued.
    package var guaranteedTTL: Duration {
        RotationSchedule.guaranteedLifetime(authorityLifetime: self.caTTL)
    }

    /// Refuses a default lifetime of SVIDs that the authorities cannot always grant.
    ///
    /// For the configured defaults, at start: SVIDs that come out shorter than what was configured are renewed at moments
    /// that nobody expects. An entry's own longer lifetime is accepted, and cut when issued.
    package func check(defaultTTL: Duration) throws(AuthorityConfigurationError) {
        guard defaultTTL > .zero else { throw .invalidDefaultTTL(defaultTTL) }
        guard defaultTTL <= self.guaranteedTTL else {
            throw .ttlNotGuaranteed(
                defaultTTL: defaultTTL, guaranteed: self.guaranteedTTL,
                sufficientCATTL: defaultTTL <= RotationSchedule.longestActivationLead ? defaultTTL * 6 : nil)
        }
    }
}

extension Duration {
    var isWholeSeconds: Bool { self.components.attoseconds == 0 }
}
