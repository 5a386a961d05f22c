package import FoundationEssentials
package import SPIFFE

/// The trust bundles of the agent, and as the Workload API transports them.
///
/// Immutable.
package struct BundleTable: Sendable, Equatable {
    /// One bundle in its three encodings.
    private struct Encoded: Sendable, Equatable {
        let x509: Data
        let jwt: Data
        let wit: String

        init(_ bundle: TrustBundle) {
            self.x509 = Data(bundle.x509AuthoritiesDER())
            self.jwt = Data(bundle.jwtKeySet())
            self.wit = String(decoding: bundle.witKeySet(), as: UTF8.self)
        }
    }

    /// The bundle of the agent's own trust domain.
    package let own: TrustBundle
    /// The bundles of others.
    package let federated: TrustBundles
    private let encoded: [TrustDomain: Encoded]

    package init(own: TrustBundle, federated: TrustBundles = TrustBundles()) {
        self.own = own
        self.federated = federated
        var encoded = [own.trustDomain: Encoded(own)]
        for bundle in federated.all where bundle.trustDomain != own.trustDomain {
            encoded[bundle.trustDomain] = Encoded(bundle)
        }
        self.encoded = encoded
    }

    /// The X.509 authorities of a trust domain as concatenated DER; nil when there is no bundle of it.
    package func x509(_ trustDomain: TrustDomain) -> Data? { self.encoded[trustDomain]?.x509 }

    /// The JWT authorities of a trust domain as a JWK Set; nil when there is no bundle of it.
    package func jwt(_ trustDomain: TrustDomain) -> Data? { self.encoded[trustDomain]?.jwt }

    /// The WIT authorities of a trust domain as a JWK Set; nil when there is no bundle of it.
    package func wit(_ trustDomain: TrustDomain) -> String? { self.encoded[trustDomain]?.wit }

    /// The bundles of the agent's own and some other trust domains.
    package func bundles(with others: Set<TrustDomain>) -> TrustBundles {
        TrustBundles([self.own] + others.compactMap { self.federated[$0] })
    }
}
