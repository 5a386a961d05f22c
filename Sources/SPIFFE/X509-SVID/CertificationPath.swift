import FoundationEssentials
import SwiftASN1
import X509

/// A path whose names and signatures fit together, the leaf first and an authority last, and the rules of RFC 5280 §6.1.3
/// and §6.1.4 that it must satisfy.
struct CertificationPath {
    private let certificates: [Certificate]

    /// The extensions that are judged, or say nothing about validity; every other that is critical is fatal.
    private static let understoodExtensions: Set<ASN1ObjectIdentifier> = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage, .X509ExtensionID.subjectAlternativeName,
        .X509ExtensionID.nameConstraints, .X509ExtensionID.extendedKeyUsage,
        .X509ExtensionID.subjectKeyIdentifier, .X509ExtensionID.authorityKeyIdentifier,
    ]

    init(_ certificates: [Certificate]) {
        self.certificates = certificates
    }

    func validate(now: Date) throws(X509SVIDError) {
        for (position, certificate) in self.certificates.enumerated() {
            try self.checkCriticalExtensions(certificate, position: position)
            try self.checkValidity(certificate, position: position, now: now)
            guard position > 0 else { continue }
            try self.checkIssuer(certificate, position: position)
            try self.checkNameConstraints(certificate, position: position)
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

    private func checkIssuer(_ certificate: Certificate, position: Int) throws(X509SVIDError) {
        let facts = try CertificateFacts(certificate, position: position)
        guard facts.isCA else { throw .issuerIsNotCA(position: position) }
        if let keyUsage = facts.keyUsage, !keyUsage.keyCertSign { throw .issuerMayNotSign(position: position) }
        if let limit = facts.pathLength {
            // Certificates that renew the name of their issuer do not count, and neither does the leaf.
            let between = self.certificates[1..<position].count { $0.subject != $0.issuer }
            guard between <= limit else { throw .pathLengthExceeded(position: position) }
        }
    }

    private func checkNameConstraints(_ certificate: Certificate, position: Int) throws(X509SVIDError) {
        guard let found = certificate.extensions[oid: .X509ExtensionID.nameConstraints] else { return }
        let constraints: NameConstraints
        do { constraints = try NameConstraints(found) } catch {
            throw .malformedExtension(String(describing: found.oid), position: position)
        }
        let judge = URINameConstraints(constraints)
        for (below, subordinate) in self.certificates[..<position].enumerated() {
            guard below == 0 || subordinate.subject != subordinate.issuer else { continue }
            let facts = try CertificateFacts(subordinate, position: below)
            switch judge.verdict(onURINames: facts.uriNames, of: subordinate) {
            case .permitted: continue
            case .notPermitted: throw .nameNotPermitted(position: position)
            case .unjudged: throw .unjudgedNameConstraint(position: position)
            }
        }
    }
}
