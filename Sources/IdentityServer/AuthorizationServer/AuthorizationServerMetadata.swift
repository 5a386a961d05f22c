import AccessGrants
import JOSE

/// What the authorization server says of itself (RFC 8414 §2), and where its endpoints are.
struct AuthorizationServerMetadata: Sendable {
    /// The paths below the issuer's own.
    static let tokenPath = "/oauth2/token"
    static let revocationPath = "/oauth2/revoke"
    static let introspectionPath = "/oauth2/introspect"
    static let keysPath = "/oauth2/jwks"
    /// The binding of a token is not in a registered member; it is public all the same.
    static let bindingMember = "signet_token_bindings_supported"
    /// The audiences whose tokens name the client's certificate; those of all others name its SPIFFE ID.
    static let certificateBoundMember = "signet_certificate_bound_audiences"
    /// The most of them that are listed, of more none is: the document is for everybody.
    static let maxCertificateBound = 1_000

    let issuer: IssuerURL

    /// The paths of the document: RFC 8414 §3.1 puts the issuer's path at the end, OpenID Connect Discovery §4 at the
    /// beginning.
    var paths: [String] {
        [
            "/.well-known/oauth-authorization-server" + self.issuer.path,
            "/.well-known/openid-configuration" + self.issuer.path,
            self.issuer.path + "/.well-known/openid-configuration",
        ]
    }

    /// The document.
    ///
    /// OpenID Connect Discovery demands three members of an issuer that has no end users either; they say that there is
    /// nobody to send to an authorization endpoint. `scopes_supported` is left out, as RFC 8414 allows: scopes are what
    /// somebody was granted, and nobody else's business.
    func document(signedBy algorithm: SignatureAlgorithm, certificateBound: Set<AudienceURI>) -> [UInt8] {
        let methods = JSONValue.array(OAuthClient.Method.allCases.map { .string($0.rawValue) })
        let assertions = JSONValue.array(SignatureAlgorithm.svidAlgorithms.map { .string($0.rawValue) })
        var document: JSONObject = [
            "issuer": .string(self.issuer.text),
            "token_endpoint": .string(self.issuer.text + Self.tokenPath),
            "jwks_uri": .string(self.issuer.text + Self.keysPath),
            "revocation_endpoint": .string(self.issuer.text + Self.revocationPath),
            "introspection_endpoint": .string(self.issuer.text + Self.introspectionPath),
            "grant_types_supported": [.string(TokenEndpoint.grantType)],
            "response_types_supported": ["none"],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": assertions,
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": assertions,
            "introspection_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_signing_alg_values_supported": assertions,
            "tls_client_certificate_bound_access_tokens": true,
            Self.bindingMember: .array(BindingRule.allCases.map { .string($0.rawValue) }),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [.string(algorithm.rawValue)],
        ]
        // RFC 8414 §3.2: a member without elements is left out.
        if (1...Self.maxCertificateBound).contains(certificateBound.count) {
            document[Self.certificateBoundMember] = .array(
                certificateBound.map(\.text).sorted().map(JSONValue.string))
        }
        return JSON.serialize(.object(document))
    }
}
