extension FuzzTarget {
    private static let all: [(name: String, make: @Sendable () throws -> FuzzTarget)] = [
        ("spiffe-id", Self.spiffeID),
        ("json", Self.json),
        ("public-key", Self.publicKey),
        ("jwk-set", Self.jwkSet),
        ("trust-bundle", Self.trustBundle),
        ("bundle-map", Self.bundleMap),
        ("certificates", Self.certificates),
        ("x509-svid", Self.x509SVID),
        ("x509-svid-leaf", Self.x509SVIDLeaf),
        ("certificate-request", Self.certificateRequest),
        ("jwt-svid", Self.jwtSVID),
        ("jwt-svid-claims", Self.jwtSVIDClaims),
        ("wit-svid", Self.witSVID),
        ("access-token", Self.accessToken),
        ("access-token-claims", Self.accessTokenClaims),
        ("x509-svid-response", Self.x509SVIDResponse),
        ("x509-bundles-response", Self.x509BundlesResponse),
        ("jwt-svid-response", Self.jwtSVIDResponse),
        ("jwt-bundles-response", Self.jwtBundlesResponse),
        ("validate-jwt-svid-response", Self.validateJWTSVIDResponse),
        ("wit-svid-response", Self.witSVIDResponse),
        ("wit-bundles-response", Self.witBundlesResponse),
        ("authorization-header", Self.authorizationHeader),
        ("oauth-form", Self.oauthForm),
    ]

    /// The names of all targets.
    package static let names = Self.all.map(\.name)

    /// Makes the target of a name; nil when there is none.
    package static func named(_ name: String) throws -> FuzzTarget? {
        try self.all.first { $0.name == name }?.make()
    }
}
