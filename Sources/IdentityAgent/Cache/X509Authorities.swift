package import SPIFFE
import X509

extension X509SVID {
    /// The key identifier of the authority that the chain leads to, where it says which.
    package var authorityKeyIdentifier: [UInt8]? {
        guard let last = self.certificates.last else { return nil }
        return (try? last.extensions.authorityKeyIdentifier)?.keyIdentifier.map { Array($0) }
    }
}

extension TrustBundle {
    /// The key identifiers of the X.509 authorities, of those that have one, and the `kid`s of the WIT authorities.
    ///
    /// No SVID names an authority of the other kind, so it does not matter that they are in one set.
    package var authorityKeyIdentifiers: Set<[UInt8]> {
        Set(
            self.witAuthorities.map { Array($0.keyID.utf8) }
                + self.x509Authorities.compactMap { authority in
                    (try? authority.extensions.subjectKeyIdentifier).map { Array($0.keyIdentifier) }
                })
    }
}

/// A trust bundle as the server has it.
struct ServerBundle: Sendable {
    let trust: TrustBundle
    /// The key identifiers of authorities that are trusted still, and are to be used no more.
    var tainted: Set<[UInt8]> = []
}
