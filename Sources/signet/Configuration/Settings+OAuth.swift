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
        return OAuthSettings(server: server, keys: try self.tokenKeys())
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

    var keyType: KeyType {
        switch self {
        case .es256: .ecP256
        case .es384: .ecP384
        case .rs256: .rsa2048
        }
    }
}
