import FoundationEssentials

extension X509SVIDError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .emptyChain: "there is no certificate"
        case .chainTooLong(let count):
            "the chain has \(count) certificates, at most \(VerifiedX509SVID.maxChainLength) are allowed"
        case .chainTooLarge(let maxBytes): "the chain has more than \(maxBytes) bytes"
        case .malformedCertificate(let position):
            "\(Self.name(position)) is not a DER X.509 certificate of a known kind"
        case .malformedExtension(let identifier, let position):
            "the extension \(identifier) of \(Self.name(position)) is malformed"
        case .serialNumberTooLong(let bytes): "the serial number of the leaf has \(bytes) bytes, at most 20 are allowed"
        case .noURIName: "the leaf has no URI SAN"
        case .severalURINames(let count): "the leaf has \(count) URI SANs"
        case .invalidSPIFFEID(let error): "the URI SAN of the leaf is not a SPIFFE ID: \(error)"
        case .leafIsCA: "the leaf is a CA certificate"
        case .leafMaySignCertificates: "the leaf has the key usage keyCertSign"
        case .leafMaySignCRLs: "the leaf has the key usage cRLSign"
        case .leafWithoutPath(let trustDomain): "the SPIFFE ID of the leaf, \(trustDomain.id), has no path"
        case .keyUsageMissing: "the leaf has no key usage extension"
        case .keyUsageNotCritical: "the key usage extension of the leaf is not critical"
        case .digitalSignatureMissing: "the leaf does not have the key usage digitalSignature"
        case .malformedPrivateKey: "the private key is not PKCS#8 of a known type"
        case .privateKeyMismatch: "the private key does not belong to the leaf"
        case .unknownTrustDomain(let trustDomain): "there is no bundle for the trust domain \(trustDomain)"
        case .noX509Authorities(let trustDomain): "the bundle of \(trustDomain) has no X.509 authority"
        case .noTrustedIssuer(let position): "the issuer of \(Self.name(position)) is not trusted"
        case .invalidSignature(let position): "the signature of \(Self.name(position)) is invalid"
        case .unsupportedSignature(let position):
            "\(Self.name(position)) is signed with an algorithm or a key size that is not accepted"
        case .notYetValid(let position, let notBefore):
            "\(Self.name(position)) is not valid before \(notBefore.formatted(.iso8601))"
        case .expired(let position, let notAfter):
            "\(Self.name(position)) is not valid after \(notAfter.formatted(.iso8601))"
        case .unknownCriticalExtension(let identifier, let position):
            "the critical extension \(identifier) of \(Self.name(position)) is not understood"
        case .issuerIsNotCA(let position): "\(Self.name(position)) signed another and is not a CA certificate"
        case .issuerMayNotSign(let position):
            "\(Self.name(position)) signed another and does not have the key usage keyCertSign"
        case .pathLengthExceeded(let position): "the path length constraint of \(Self.name(position)) is exceeded"
        case .nameNotPermitted(let position): "a URI name is not permitted by \(Self.name(position))"
        case .unjudgedNameConstraint(let position):
            "\(Self.name(position)) has name constraints of a form or number that is not judged, and they apply"
        case .tooManySignatureChecks:
            "the chain needs more than \(VerifiedX509SVID.maxSignatureChecks) signature checks, or more than "
                + "\(VerifiedX509SVID.maxIntermediateSignatureChecks) between certificates that the peer sent"
        }
    }

    private static func name(_ position: Int) -> String {
        position == 0 ? "the leaf" : "the issuing certificate \(position)"
    }
}
