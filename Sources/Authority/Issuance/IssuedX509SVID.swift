package import FoundationEssentials
package import SPIFFE

/// An X509-SVID as it goes to the one who asked for it; the private key never was here.
package struct IssuedX509SVID: Sendable, Hashable {
    package let id: SPIFFEID
    /// The leaf as DER, then what leads to the authority in the bundle: nothing, as that one signed the leaf itself.
    package let chainDER: [[UInt8]]
    package let notBefore: Date
    package let expiresAt: Date
    /// The serial number of the leaf in decimal digits.
    package let serialNumber: String
    /// The same in the form in which certificates are revoked: lower-case hexadecimal without leading zeros.
    package let certificateSerial: String
    /// Whether it expires before what was asked for, together with its authority.
    package let clamped: Bool
}
