public import JOSE

/// An entry of a bundle's `keys` that is not used, and why.
///
/// The rest of the document stays in force (Trust Domain and Bundle §4.2): a trust domain may publish what its peers do
/// not know yet.
public struct SkippedBundleEntry: Hashable, Sendable {
    /// The place of the entry in `keys`, from 0.
    public let index: Int
    public let reason: Reason

    @nonexhaustive
    public enum Reason: Hashable, Sendable {
        /// There is no `use` (§4.2.2).
        case missingUse
        /// The `use` is none of those that are read; shown up to 64 bytes (§4.2.2).
        case unknownUse(String)
        /// There is no `kty` (§4.2.1).
        case missingKeyType
        /// The `kty` or the curve is not known; the `kty` is shown up to 64 bytes (§4.2.1).
        case unknownKeyType(String)
        /// The members of the key are faulty.
        case malformedKey(JSONWebKeyError)
        /// The entry holds private or symmetric key material: someone should be told.
        case privateKeyMaterial
        /// An `x509-svid` entry has no certificate (X509-SVID §6.2).
        case missingCertificate
        /// The first certificate of an `x509-svid` entry is not base64 of DER X.509 of at most
        /// ``VerifiedX509SVID/maxCertificateBytes``.
        case malformedCertificate
        /// Public key or signature of the first certificate of an `x509-svid` entry are of a kind that is not known, or
        /// the key is RSA and too short.
        case unsupportedCertificate
        /// The certificate of an `x509-svid` entry is of another key than the entry.
        case keyNotOfCertificate
        /// A `jwt-svid` or `wit-svid` entry has no `kid`, or an empty one (JWT-SVID §6.1, WIT-SVID §6).
        case missingKeyID
        /// An earlier entry of this `use` has this `kid`; the first stays in force. Shown up to 64 bytes.
        case duplicateKeyID(String)
        /// A `jwt-svid` and a `wit-svid` entry have this `kid`; neither is used (WIT-SVID §6). Shown up to 64 bytes.
        case sharedKeyID(String)
    }
}
