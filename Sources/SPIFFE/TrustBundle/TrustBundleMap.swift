import JOSE

/// The bundles of several trust domains in one document (SPIFFE Trust Domain and Bundle §5).
///
/// A map is the whole truth at once: it replaces what was known before, and one bad bundle refuses it whole.
public struct TrustBundleMap: Hashable, Sendable {
    /// The longest document that is read, in bytes.
    public static let maxDocumentBytes = 16_777_216
    /// The most trust domains a document may have.
    public static let maxTrustDomains = 4_096

    public let bundles: TrustBundles

    /// Makes a map to publish.
    ///
    /// - Throws: `.duplicateTrustDomain` when two bundles are of one trust domain.
    public init(_ bundles: [TrustBundle]) throws(TrustBundleError) {
        var collected = TrustBundles()
        for bundle in bundles {
            guard collected[bundle.trustDomain] == nil else { throw .duplicateTrustDomain(bundle.trustDomain) }
            collected.set(bundle)
        }
        self.bundles = collected
    }

    /// Reads a bundle map document.
    ///
    /// Refresh hints inside are checked and dropped: they do not say how often the map is to be read (§5.1).
    ///
    /// - Throws: ``TrustBundleError``; `.invalidBundle` names the trust domain whose bundle is refused.
    public init(parsing document: [UInt8]) throws(TrustBundleError) {
        let object = try TrustBundle.object(document, maxBytes: Self.maxDocumentBytes)
        guard let value = object["trust_domains"] else { throw .trustDomainsMissing }
        guard let members = value.object?.members else { throw .trustDomainsNotAnObject }
        guard members.count <= Self.maxTrustDomains else { throw .tooManyTrustDomains(limit: Self.maxTrustDomains) }
        var bundles: [TrustBundle] = []
        for (name, value) in members {
            bundles.append(try Self.bundle(named: name, value))
        }
        try self.init(bundles)
    }

    /// The map as a document: trust domains in the order of their names, no refresh hints inside.
    public func document(pretty: Bool = false) -> [UInt8] {
        var trustDomains = JSONObject()
        for bundle in self.bundles.all {
            trustDomains[bundle.trustDomain.name] = .object(bundle.documentObject(withRefreshHint: false))
        }
        return JSON.serialize(["trust_domains": .object(trustDomains)], pretty: pretty)
    }

    private static func bundle(named name: String, _ value: JSONValue) throws(TrustBundleError) -> TrustBundle {
        let trustDomain: TrustDomain
        do { trustDomain = try TrustDomain(parsing: name) } catch { throw .invalidTrustDomain(error) }
        do throws(TrustBundleError) {
            guard let object = value.object else { throw .notAnObject }
            let bundle = try TrustBundle(object, trustDomain: trustDomain)
            return TrustBundle(
                trustDomain: trustDomain, x509Authorities: bundle.x509Authorities,
                jwtAuthorities: bundle.jwtAuthorities, witAuthorities: bundle.witAuthorities,
                sequenceNumber: bundle.sequenceNumber, refreshHint: nil, skipped: bundle.skipped)
        } catch {
            throw .invalidBundle(trustDomain, error)
        }
    }
}
