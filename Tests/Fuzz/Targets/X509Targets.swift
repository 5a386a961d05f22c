import Crypto
import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import TestSupport
import X509

extension FuzzTarget {
    /// Certificates one after the other: where they begin and end, and that none is changed.
    static func certificates() throws -> FuzzTarget {
        let seeds = try SeedFiles.vectorFiles("trust-bundle", "certificates.der")
        return try FuzzTarget("certificates", maxBytes: TrustBundle.maxDocumentBytes, seeds: seeds) { input in
            guard let certificates = try? TrustBundle.parseCertificates(concatenatedDER: input) else { return false }
            try hold(certificates.count <= TrustBundle.maxAuthorities, "there are \(certificates.count) certificates")
            var rest = try found(ReferenceDER.elements(input[...]), "what is no DER is accepted")[...]
            // Those that are left out are of kinds that are not known; the others are there in their order.
            for certificate in certificates {
                let der = certificate.derBytes
                let position = try found(rest.firstIndex { $0.encoded.elementsEqual(der) }, "a certificate is changed")
                rest = rest[(position + 1)...]
            }
            let again = try TrustBundle.parseCertificates(concatenatedDER: certificates.flatMap(\.derBytes))
            try hold(again == certificates, "other certificates are read than written")
            return !certificates.isEmpty
        }
    }

    /// Chains of peers: no change makes another identity of them.
    static func x509SVID() throws -> FuzzTarget {
        let accepted = [
            "leaf-ok", "key-ed25519", "key-p384", "key-rsa-2048", "two-intermediates", "name-constraint-host",
            "path-length-zero-direct", "root-sent-along", "other-names", "unknown-extension",
        ]
        let authorities = try accepted.flatMap {
            try TrustBundle.parseCertificates(
                concatenatedDER: SeedFiles.vector("x509-svid", $0).bytes("authorities.der"))
        }
        // A chain that is refused for its other certificates may become one that is accepted, with the same leaf.
        var ids: [[UInt8]: String?] = [:]
        for vector in try SeedFiles.vectors("x509-svid", with: "chain.der") {
            let chain = try? TrustBundle.parseCertificates(concatenatedDER: vector.bytes("chain.der"))
            guard let leaf = chain?.first else { continue }
            ids.updateValue(try vector.members["id"]?.string, forKey: leaf.derBytes)
        }
        let trustDomain = try TrustDomain(parsing: "example.org")
        let bundle = TrustBundle(trustDomain: trustDomain, x509Authorities: authorities)
        let (bundles, leafs) = (TrustBundles([bundle]), ids)
        return try FuzzTarget(
            "x509-svid", maxBytes: VerifiedX509SVID.maxChainLength * VerifiedX509SVID.maxCertificateBytes,
            seeds: SeedFiles.vectorFiles("x509-svid", "chain.der")
        ) { input in
            guard let chain = try? TrustBundle.parseCertificates(concatenatedDER: input) else { return false }
            let svid = try? VerifiedX509SVID.validate(chain, bundles: bundles, now: FixedAuthority.now)
            guard let svid, let leaf = chain.first else { return false }
            let id = try found(leafs[leaf.derBytes], "a leaf that nobody issued is that of \(svid.id)")
            try hold(id == nil || id == svid.id.uri, "the leaf of another is that of \(svid.id)")
            try Self.check(svid, chain: chain, bundle: bundle)
            return true
        }
    }

    private static func check(_ svid: VerifiedX509SVID, chain: [Certificate], bundle: TrustBundle) throws {
        try hold(chain.count <= VerifiedX509SVID.maxChainLength, "a chain of \(chain.count) is accepted")
        try hold(svid.chain.first == chain.first, "another leaf was validated")
        try hold(svid.chain.last.map(bundle.x509Authorities.contains) ?? false, "the path ends outside of the bundle")
        try hold(svid.chain.dropFirst().dropLast().allSatisfy(chain.contains), "the path has certificates of nobody")
        for (certificate, issuer) in zip(svid.chain, svid.chain.dropFirst()) {
            try hold(
                issuer.publicKey.isValidSignature(certificate.signature, for: certificate), "a signature is invalid")
            try hold(certificate.issuer == issuer.subject, "an issuer has another name")
        }
        for certificate in svid.chain {
            let validity = certificate.notValidBefore...certificate.notValidAfter
            try hold(validity.contains(FixedAuthority.now), "a certificate of the path is not valid now")
        }
    }

    /// Leaves that the authority signs whatever they say: those of the standard are accepted, and no others.
    static func x509SVIDLeaf() throws -> FuzzTarget {
        let authority = try FixedAuthority()
        let bundles = TrustBundles([authority.bundle])
        let seeds = try [
            authority.leaf(), authority.leaf { $0.dnsNames = ["a.test"] },
            authority.leaf { $0.uriNames += ["spiffe://example.org/db"] }, authority.leaf { $0.uriNames = [] },
            authority.leaf { $0.uriNames = ["spiffe://example.org"] }, authority.leaf { $0.becomeSigning() },
            authority.leaf { $0.basicConstraints = .isCertificateAuthority(maxPathLength: nil) },
            authority.leaf { $0.keyUsage = KeyUsage(digitalSignature: true, keyCertSign: true) },
            authority.leaf { $0.keyUsage = KeyUsage(digitalSignature: true, cRLSign: true) },
            authority.leaf { $0.keyUsage = nil }, authority.leaf { $0.notAfter = FixedAuthority.now },
            authority.leaf { $0.subject = try DistinguishedName { CommonName("web") } },
            authority.leaf {
                $0.extraExtensions = [.init(oid: [1, 3, 6, 1, 4, 1, 99_999, 1], critical: true, value: [5, 0])]
            },
        ].map { try ReferenceLeaf.tbsCertificate(of: $0.derBytes) }
        let issuer = try ReferenceLeaf.subject(of: authority.certificate.derBytes)
        return try FuzzTarget(
            "x509-svid-leaf", maxBytes: VerifiedX509SVID.maxCertificateBytes, seeds: seeds,
            dictionary: [
                "spiffe://example.org/", "20260101000000Z", "99991231235959Z", "\u{1}\u{1}", "\u{6}\u{3}U\u{1D}",
            ]
        ) { input in
            let der = try authority.certificateDER(signing: input)
            guard let chain = try? TrustBundle.parseCertificates(concatenatedDER: der) else { return false }
            let rules = ReferenceLeaf(issuer: issuer, trustDomain: authority.trustDomain.name, now: "20260101000000Z")
            let svid: VerifiedX509SVID
            do throws(X509SVIDError) {
                svid = try VerifiedX509SVID.validate(chain, bundles: bundles, now: FixedAuthority.now)
            } catch {
                let isRight = (try? rules.check(input)) == nil
                try hold(isRight || ReferenceLeaf.isBeyond(error), "what breaks no rule is refused: \(error)")
                return false
            }
            try hold(rules.check(input) == svid.id.uri, "the ID is another than the name")
            return true
        }
    }

    /// Certificate requests of agents and workloads: none that was changed is accepted.
    static func certificateRequest() throws -> FuzzTarget {
        let signed = try SeedFiles.all("certificate-request", prefix: "signed-")
        try hold(!signed.isEmpty, "there is no certificate request")
        return try FuzzTarget("certificate-request", maxBytes: X509SVIDRequest.maxBytes, seeds: []) { input in
            guard let request = try? X509SVIDRequest(parsing: input) else { return false }
            try hold(signed.contains(input), "a request that nobody signed is accepted")
            try hold(
                request.uriNames.count + request.dnsNames.count <= X509SVIDRequest.maxNames, "it has too many names")
            return true
        }
    }
}
