/// What `payments` is asked for.
package struct Charge: Codable, Sendable {
    let order: Int
    let cents: Int
}

/// What `payments` answers.
package struct Receipt: Codable, Sendable {
    /// The SPIFFE ID of who charged.
    let payer: String
    /// The serial number of the X509-SVID that it showed.
    let payerCertificate: String
}

/// What `orders` answers.
package struct Confirmation: Codable, Sendable {
    package let order: Int
    /// The SPIFFE ID of who ordered, and the serial number of the X509-SVID that it showed.
    package let customer: String
    package let customerCertificate: String
    /// The SPIFFE ID that `payments` knows `orders` by, and the serial number of the X509-SVID that it saw.
    package let payer: String
    package let payerCertificate: String
}
