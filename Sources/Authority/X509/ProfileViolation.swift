/// What a certificate that was just made has that it should not have; such a certificate does not leave.
package enum ProfileViolation: Error, Hashable {
    /// It is not a DER certificate.
    case unreadable
    /// It is not of version 3.
    case version
    /// The serial number is zero, longer than 128 bits or not the one it was given.
    case serialNumber
    case issuer
    case subject
    case validity
    case publicKey
    /// The extensions are not those of the profile, in its order and with its critical flags.
    case extensions
    /// The one URI SAN is not the SPIFFE ID (X509-SVID §2).
    case uriName
    /// The key usage is not that of the profile (X509-SVID §4.3).
    case keyUsage
    /// The basic constraints are not those of the profile (X509-SVID §4.1).
    case basicConstraints
    /// The extended key usage is not serverAuth and clientAuth (X509-SVID §4.4).
    case extendedKeyUsage
    /// The subject or authority key identifier is not that of the key.
    case keyIdentifier
    /// The DNS names are not those that were asked for.
    case dnsNames
    /// The algorithm of the signature is not the authority's.
    case signatureAlgorithm
    /// The authority did not sign it.
    case signature
}
