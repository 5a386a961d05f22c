import SwiftASN1
import X509

/// The extensions of the certificates that are issued here, as the DER they always have (X509-SVID §4).
enum ProfileExtensions {
    /// keyCertSign and cRLSign.
    static let authorityKeyUsage = critical(.X509ExtensionID.keyUsage, [0x03, 0x02, 0x01, 0x06])
    /// cA true, without a path length.
    static let authorityConstraints = critical(
        .X509ExtensionID.basicConstraints, [0x30, 0x03, 0x01, 0x01, 0xFF])

    /// digitalSignature, keyEncipherment and keyAgreement, as SPIRE issues it for every kind of key.
    static let svidKeyUsage = critical(.X509ExtensionID.keyUsage, [0x03, 0x02, 0x03, 0xA8])
    /// serverAuth and clientAuth.
    static let svidExtendedKeyUsage = Certificate.Extension(
        oid: .X509ExtensionID.extendedKeyUsage, critical: false,
        value: [
            0x30, 0x14, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01,
            0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02,
        ])
    /// cA false, which DER leaves out.
    static let svidConstraints = critical(.X509ExtensionID.basicConstraints, [0x30, 0x00])

    private static func critical(_ oid: ASN1ObjectIdentifier, _ value: [UInt8]) -> Certificate.Extension {
        Certificate.Extension(oid: oid, critical: true, value: value[...])
    }
}
