import FoundationEssentials
import JOSE
import SPIFFE

extension FuzzTarget {
    /// SPIFFE bundle documents: what is written is read as it was, and written the same again.
    static func trustBundle() throws -> FuzzTarget {
        let trustDomain = try TrustDomain(parsing: "example.org")
        return try FuzzTarget(
            "trust-bundle", maxBytes: TrustBundle.maxDocumentBytes,
            seeds: SeedFiles.vectorFiles("trust-bundle", "document.json"), dictionary: self.keyDictionary
        ) { input in
            guard let bundle = try? TrustBundle(parsing: input, trustDomain: trustDomain) else { return false }
            let count = bundle.x509Authorities.count + bundle.jwtAuthorities.count + bundle.witAuthorities.count
            try hold(count + bundle.skipped.count <= TrustBundle.maxAuthorities, "there are \(count) authorities")
            for document in [bundle.document(), bundle.document(pretty: true)] {
                let again = try TrustBundle(parsing: document, trustDomain: trustDomain)
                try hold(again.skipped == [], "an entry that was written is skipped: \(again.skipped)")
                try hold(Self.isSame(again, bundle), "another bundle is read than written")
                try hold(again.document() == bundle.document(), "a bundle is written in two ways")
            }
            let certificates = try TrustBundle.parseCertificates(concatenatedDER: bundle.x509AuthoritiesDER())
            try hold(certificates == bundle.x509Authorities, "other certificates are read than written")

            let map = try TrustBundleMap(parsing: TrustBundleMap([bundle]).document())
            let mapped = try found(map.bundles[trustDomain], "the bundle is not in its map")
            try hold(mapped.x509Authorities == bundle.x509Authorities, "the map has other X.509 authorities")
            try hold(mapped.jwtAuthorities == bundle.jwtAuthorities, "the map has other JWT authorities")
            try hold(mapped.sequenceNumber == bundle.sequenceNumber, "the map has another sequence number")
            return true
        }
    }

    /// Everything but what was skipped.
    private static func isSame(_ lhs: TrustBundle, _ rhs: TrustBundle) -> Bool {
        lhs.x509Authorities == rhs.x509Authorities && lhs.jwtAuthorities == rhs.jwtAuthorities
            && lhs.witAuthorities == rhs.witAuthorities && lhs.sequenceNumber == rhs.sequenceNumber
            && lhs.refreshHint == rhs.refreshHint
    }

    /// Documents with the bundles of several trust domains.
    static func bundleMap() throws -> FuzzTarget {
        try FuzzTarget(
            "bundle-map", maxBytes: TrustBundleMap.maxDocumentBytes,
            seeds: SeedFiles.vectorFiles("trust-bundle", "map.json"), dictionary: self.keyDictionary
        ) { input in
            guard let map = try? TrustBundleMap(parsing: input) else { return false }
            try hold(map.bundles.all.count <= TrustBundleMap.maxTrustDomains, "there are too many trust domains")
            let again = try TrustBundleMap(parsing: map.document())
            try hold(again.document() == map.document(), "a map is written in two ways")
            try hold(
                again.bundles.all.map(\.trustDomain) == map.bundles.all.map(\.trustDomain), "there are other bundles")
            for (one, other) in zip(again.bundles.all, map.bundles.all) {
                try hold(one.x509AuthoritiesDER() == other.x509AuthoritiesDER(), "there are other X.509 authorities")
                try hold(one.jwtAuthorities == other.jwtAuthorities, "there are other JWT authorities")
                try hold(one.witAuthorities == other.witAuthorities, "there are other WIT authorities")
            }
            return true
        }
    }
}
