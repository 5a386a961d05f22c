package import FoundationEssentials
package import SPIFFE
package import X509

/// Issuing X509-SVIDs. Each is read back from its DER and held against all that was asked for before it leaves.
extension AuthorityState {
    /// Issues the X509-SVID of a workload.
    ///
    /// - Parameters:
    ///   - id: Of this trust domain, with a path, not `/spire` or below.
    ///   - publicKey: As ``X509SVIDRequest`` accepts it.
    ///   - dnsNames: See ``DNSNames``.
    ///   - ttl: A second or more; fractions are dropped. Cut where the authority ends.
    ///   - now: The moment of issue; `notBefore` is ten seconds earlier.
    package func issueX509SVID(
        id: SPIFFEID, publicKey: Certificate.PublicKey, dnsNames: [String] = [], ttl: Duration, now: Date
    ) throws(IssuanceError) -> IssuedX509SVID {
        try self.checkMember(id)
        guard !id.isReserved else { throw .reservedID(id) }
        let names: DNSNames
        do { names = try DNSNames(dnsNames) } catch { throw .dnsNames(error) }
        return try self.issue(id: id, publicKey: publicKey, dnsNames: names, ttl: ttl, now: now)
    }

    /// Issues the X509-SVID of an agent; otherwise as for a workload.
    ///
    /// - Parameter id: Of this trust domain, below `/spire/agent`.
    package func issueAgentSVID(
        id: SPIFFEID, publicKey: Certificate.PublicKey, ttl: Duration, now: Date
    ) throws(IssuanceError) -> IssuedX509SVID {
        try self.checkMember(id)
        guard id.isUnder(segments: ["spire", "agent"]) else { throw .notAgentID(id) }
        return try self.issue(id: id, publicKey: publicKey, dnsNames: .none, ttl: ttl, now: now)
    }

    /// Issues the X509-SVID of the server itself, `/spire/server`; otherwise as for a workload.
    package func issueServerSVID(
        publicKey: Certificate.PublicKey, dnsNames: [String] = [], ttl: Duration, now: Date
    ) throws(IssuanceError) -> IssuedX509SVID {
        // Fails only for a path that is no path.
        guard let id = try? SPIFFEID(trustDomain: self.trustDomain, path: "/spire/server") else {
            throw .withoutPath
        }
        let names: DNSNames
        do { names = try DNSNames(dnsNames) } catch { throw .dnsNames(error) }
        return try self.issue(id: id, publicKey: publicKey, dnsNames: names, ttl: ttl, now: now)
    }

    private func issue(
        id: SPIFFEID, publicKey: Certificate.PublicKey, dnsNames: DNSNames, ttl: Duration, now: Date
    ) throws(IssuanceError) -> IssuedX509SVID {
        do { try X509SVIDRequest.checkKey(publicKey) } catch { throw .unsupportedKey(error) }
        let lifetime = try Self.lifetime(ttl, now: now, end: self.x509.notAfter)
        let leaf = try self.x509.svid(
            id: id, publicKey: publicKey, dnsNames: dnsNames, issuedAt: lifetime.issuedAt,
            notAfter: lifetime.expiresAt)
        return IssuedX509SVID(
            id: id, chainDER: [leaf.der], notBefore: leaf.content.notBefore, expiresAt: lifetime.expiresAt,
            serialNumber: leaf.content.serialNumber.decimalDigits,
            certificateSerial: leaf.content.serialNumber.hexadecimalDigits, clamped: lifetime.clamped)
    }
}
