import AccessGrants
import AccessTokens
import Authority
import IdentityServer
import KeyManagement

/// The keys under `oauth`, read and typed.
struct OAuthSettings {
    let server: AuthorizationServerConfiguration
    let keys: TokenKeyConfiguration
}

extension Settings {
    /// The authorization server; nil where nothing under `oauth` is set.
    ///
    /// - Throws: ``ConfigurationError`` naming the key.
    func oauth() throws(ConfigurationError) -> OAuthSettings? {
        let keys = ConfigurationSection.oauthKeys.map(\.path)
        guard keys.contains(where: { self.text($0) != nil }) else { return nil }
        let text = try self.required("oauth.issuer", hint: "the https URL in the iss of access tokens")
        guard let issuer = IssuerURL(text) else {
            throw .invalid(
                key: self.name(of: "oauth.issuer"), value: text,
                expected: "an https URL in lower case, without query, fragment and a slash at the end")
        }
        var server = AuthorizationServerConfiguration(issuer: issuer)
        server.tokenLifetime = try self.duration("oauth.token_ttl", default: TokenLifetime.standard)
        guard TokenLifetime.range.contains(server.tokenLifetime) else {
            throw .invalid(
                key: self.name(of: "oauth.token_ttl"), value: DurationText.format(server.tokenLifetime),
                expected: "5m to 15m")
        }
        server.minimumLibraryVersion = try self.minimumLibraryVersion()
        server.endpoint = AuthorizationServerConfiguration.Endpoint(
            bindAddress: try self.ipAddress("oauth.bind_address", default: "0.0.0.0"),
            bindPort: try self.integer("oauth.bind_port", in: 0...65535, default: 8443),
            certificate: try self.servingCertificate(issuer))
        return OAuthSettings(server: server, keys: try self.tokenKeys())
    }

    private func minimumLibraryVersion() throws(ConfigurationError) -> LibraryVersion? {
        let key = "oauth.minimum_library_version"
        guard let text = self.text(key) else { return nil }
        guard let version = LibraryVersion(parsing: text) else {
            throw .invalid(key: self.name(of: key), value: text, expected: "three numbers, as 1.2.3")
        }
        return version
    }

    /// By what clients know the endpoint: two files, or names in the server's own X509-SVID.
    private func servingCertificate(
        _ issuer: IssuerURL
    ) throws(ConfigurationError) -> AuthorizationServerConfiguration.Certificate {
        let keys = ["oauth.serving_cert_file", "oauth.serving_key_file"]
        let (certificate, key) = (self.text(keys[0]), self.text(keys[1]))
        if let certificate, let key {
            guard self.text("oauth.dns_names") == nil else {
                throw .contradiction(
                    keys: [self.name(of: keys[0]), self.name(of: "oauth.dns_names")],
                    reason: "the names are those of the certificate in the file")
            }
            for (name, value) in [(keys[0], certificate), (keys[1], key)] where value.isEmpty {
                throw .invalid(key: self.name(of: name), value: value, expected: "a path")
            }
            return .files(certificate: certificate, key: key)
        }
        guard certificate == nil, key == nil else {
            throw .missing(
                key: self.name(of: certificate == nil ? keys[0] : keys[1]),
                hint: "a certificate and its key are two files")
        }
        return .ownSVID(dnsNames: try self.dnsNames(issuer))
    }

    private func dnsNames(_ issuer: IssuerURL) throws(ConfigurationError) -> [String] {
        let text = self.text("oauth.dns_names")
        if text == nil, Self.isIPAddress(issuer.host) {
            throw .missing(
                key: self.name(of: "oauth.serving_cert_file"),
                hint: "an issuer with an IP address needs a certificate that has it; an X509-SVID has DNS names only")
        }
        let names = (text ?? issuer.host).split(separator: ",", omittingEmptySubsequences: false).map {
            String($0.drop { $0 == " " }.prefix { $0 != " " })
        }
        do {
            return try DNSNames(names).names
        } catch {
            throw .invalid(
                key: self.name(of: "oauth.dns_names"), value: text ?? issuer.host,
                expected: "DNS names with commas between them: \(error)")
        }
    }

    private func tokenKeys() throws(ConfigurationError) -> TokenKeyConfiguration {
        let algorithm = try self.choice("oauth.signing_algorithm", default: TokenAlgorithm.es256)
        let lifetime = try self.duration("oauth.key_ttl", default: .seconds(86_400))
        do throws(TokenKeyError) {
            return try TokenKeyConfiguration(keyType: algorithm.keyType, lifetime: lifetime)
        } catch {
            throw .invalid(
                key: self.name(of: "oauth.key_ttl"), value: DurationText.format(lifetime),
                expected: "whole seconds, 90m or more")
        }
    }
}

/// `signing_algorithm` as written in the file.
private enum TokenAlgorithm: String, CaseIterable {
    case es256 = "ES256"
    case es384 = "ES384"
    case rs256 = "RS256"
    case edDSA = "EdDSA"

    var keyType: KeyType {
        switch self {
        case .es256: .ecP256
        case .es384: .ecP384
        case .rs256: .rsa2048
        case .edDSA: .ed25519
        }
    }
}
