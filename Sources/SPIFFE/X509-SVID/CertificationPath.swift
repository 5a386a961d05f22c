import FoundationEssentials
import SwiftASN1
import X509

/// A path whose names and signatures fit together, the leaf first and an authority last, and the rules of RFC 5280 §6.1.3
/// and §6.1.4 that it must satisfy.
struct CertificationPath {
    let certificates: [CertificateFacts]

    /// The extensions that are judged, or say nothing about validity; every other that is critical is fatal.
    private static let understoodExtensions: Set<ASN1ObjectIdentifier> = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.subjectAlternativeName,
        .X509ExtensionID.nameConstraints, .X509ExtensionID.extendedKeyUsage,
        .X509ExtensionID.subjectKeyIdentifier, .X509ExtensionID.authorityKeyIdentifier,
    ]

    init(_ certificates: [CertificateFacts]) {
        self.certificates = certificates
    }

    func validate(now: Date) throws(X509SVIDError) {
        for (position, facts) in self.certificates.enumerated() {
            try self.checkCriticalExtensions(facts.certificate, position: position)
            try self.checkValidity(facts.certificate, position: position, now: now)
            guard position > 0 else { continue }
            try self.checkIssuer(facts, position: position)
            try self.checkNameConstraints(facts, position: position)
        }
    }

    private func checkCriticalExtensions(_ certificate: Certificate, position: Int) throws(X509SVIDError) {
        let unknown = certificate.extensions.first { $0.critical && !Self.understoodExtensions.contains($0.oid) }
        if let unknown { throw .unknownCriticalExtension(String(describing: unknown.oid), position: position) }
    }

    private func checkValidity(_ certificate: Certificate, position: Int, now: Date) throws(X509SVIDError) {
        guard certificate.notValidBefore <= now else {
            throw .notYetValid(position: position, notBefore: certificate.notValidBefore)
        }
        guard now <= certificate.notValidAfter else {
            throw .expired(position: position, notAfter: certificate.notValidAfter)
        }
    }

    private func checkIssuer(_ facts: CertificateFacts, position: Int) throws(X509SVIDError) {
        guard facts.isCA else { throw .issuerIsNotCA(position: position) }
        if let keyUsage = facts.keyUsage, !keyUsage.keyCertSign { throw .issuerMayNotSign(position: position) }
        if let limit = facts.pathLength {
            // Certificates that renew the name of their issuer do not count, and neither does the leaf.
            let between = self.certificates[1..<position].count { !$0.isSelfIssued }
            guard between <= limit else { throw .pathLengthExceeded(position: position) }
        }
    }

    private func checkNameConstraints(_ facts: CertificateFacts, position: Int) throws(X509SVIDError) {
        guard let constraints = facts.nameConstraints else { return }
        for (below, subordinate) in self.certificates[..<position].enumerated() {
            guard below == 0 || !subordinate.isSelfIssued else { continue }
            switch constraints.verdict(on: subordinate) {
            case .permitted: continue
            case .notPermitted: throw .nameNotPermitted(position: position)
            case .unjudged: throw .unjudgedNameConstraint(position: position)
            }
        }
    }
}
