/// What a service demands of whoever presents a token; there is no rule that demands nothing.
package enum BindingRule: String, Hashable, Sendable, CaseIterable {
    /// The TLS peer must be the token's `sub`; a token survives the renewal of its bearer's X.509-SVID.
    case identity
    /// The TLS peer must also present the certificate that the token names (`cnf.x5t#S256`, RFC 8705 §3).
    case certificate
}
