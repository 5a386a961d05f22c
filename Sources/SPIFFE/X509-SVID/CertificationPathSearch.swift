import CryptoExtras
import FoundationEssentials
import JOSE
import X509

/// Looks for a path from a leaf to one of the authorities, depth first, and judges each that it finds.
///
/// A step is taken only when the signature over the certificate below is valid. No name and key come twice in a path, so
/// that many certificates of one key cannot make many paths. What the search may cost at all is bounded by the number of
/// signature checks: a certificate joins a path, and is read, only after one.
struct CertificationPathSearch {
    private let intermediates: [Certificate]
    private let authorities: [Certificate]
    private let now: Date
    /// Whether the consistency of the intermediates' signatures was checked when they arrived.
    private let areConsistent: Bool
    private var signatureChecks = 0
    /// How many of them were with the key of a certificate that the peer sent.
    private var intermediateChecks = 0
    /// The first fault of the furthest kind: what was wrong with a whole path says more than a name that led nowhere.
    private var fault: (progress: Progress, error: X509SVIDError)?

    private enum Progress: Int {
        case nothing, issuerFound, signatureValid
    }

    private static let acceptedAlgorithms: Set<Certificate.SignatureAlgorithm> = [
        .ecdsaWithSHA256, .ecdsaWithSHA384, .ecdsaWithSHA512,
        .sha256WithRSAEncryption, .sha384WithRSAEncryption, .sha512WithRSAEncryption, .ed25519,
    ]

    init(intermediates: [Certificate], authorities: [Certificate], now: Date, areConsistent: Bool) {
        self.intermediates = intermediates
        self.authorities = authorities
        self.now = now
        self.areConsistent = areConsistent
    }

    /// The first path that satisfies every rule: the leaf first, an authority last.
    mutating func path(from leaf: CertificateFacts) throws(X509SVIDError) -> CertificationPath {
        if let path = try self.extended([leaf], above: leaf.certificate) { return CertificationPath(path) }
        throw self.fault?.error ?? .noTrustedIssuer(position: 0)
    }

    private mutating func extended(
        _ path: [CertificateFacts], above child: Certificate
    ) throws(X509SVIDError) -> [CertificateFacts]? {
        let position = path.count - 1
        guard Self.acceptedAlgorithms.contains(child.signatureAlgorithm) else {
            self.note(.unsupportedSignature(position: position), .signatureValid)
            return nil
        }
        for authority in Self.issuers(of: child, among: self.authorities) {
            guard try self.isSigned(child, by: authority, position: position) else { continue }
            do {
                // Its own signature says nothing: it is the bundle that vouches for it.
                let whole = path + [try CertificateFacts(authority, position: path.count, isConsistent: true)]
                try CertificationPath(whole).validate(now: self.now)
                return whole
            } catch {
                self.note(error, .signatureValid)
            }
        }
        let unused = self.intermediates.filter { candidate in
            !path.contains {
                $0.certificate.subject == candidate.subject && $0.certificate.publicKey == candidate.publicKey
            }
        }
        for issuer in Self.issuers(of: child, among: unused) {
            guard self.intermediateChecks < VerifiedX509SVID.maxIntermediateSignatureChecks else {
                throw .tooManySignatureChecks
            }
            self.intermediateChecks += 1
            guard try self.isSigned(child, by: issuer, position: position) else { continue }
            let facts: CertificateFacts
            do {
                facts = try CertificateFacts(issuer, position: path.count, isConsistent: self.areConsistent)
            } catch {
                self.note(error, .signatureValid)
                continue
            }
            if let found = try self.extended(path + [facts], above: issuer) { return found }
        }
        self.note(.noTrustedIssuer(position: position), .nothing)
        return nil
    }

    /// Those that bear the issuer's name, the ones whose key identifier is the wanted one first.
    private static func issuers(of child: Certificate, among candidates: [Certificate]) -> [Certificate] {
        let named = candidates.filter { $0.subject == child.issuer }
        // A key identifier that cannot be read only costs the order.
        guard named.count > 1, let wanted = try? child.extensions.authorityKeyIdentifier?.keyIdentifier else {
            return named
        }
        let matching = named.map { (try? $0.extensions.subjectKeyIdentifier?.keyIdentifier) == wanted }
        let pairs = zip(named, matching)
        return pairs.filter(\.1).map(\.0) + pairs.filter { !$0.1 }.map(\.0)
    }

    private mutating func isSigned(
        _ child: Certificate, by issuer: Certificate, position: Int
    ) throws(X509SVIDError) -> Bool {
        // The work of an RSA check grows with the key, which a peer may have chosen.
        if let key = _RSA.Signing.PublicKey(issuer.publicKey), !PublicKey.rsaModulusBits.contains(key.keySizeInBits) {
            self.note(.unsupportedSignature(position: position), .issuerFound)
            return false
        }
        guard self.signatureChecks < VerifiedX509SVID.maxSignatureChecks else { throw .tooManySignatureChecks }
        self.signatureChecks += 1
        guard issuer.publicKey.isValidSignature(child.signature, for: child) else {
            self.note(.invalidSignature(position: position), .issuerFound)
            return false
        }
        return true
    }

    private mutating func note(_ error: X509SVIDError, _ progress: Progress) {
        if let fault, fault.progress.rawValue >= progress.rawValue { return }
        self.fault = (progress, error)
    }
}
