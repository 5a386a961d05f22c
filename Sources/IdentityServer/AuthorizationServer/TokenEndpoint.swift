import AccessGrants
import AccessTokens
import FoundationEssentials
import JOSE
import Registration
import SPIFFE

/// `POST /oauth2/token`: the client credentials grant (RFC 6749 §4.4), with RFC 8707 and RFC 9068.
struct TokenEndpoint: Sendable {
    static let grantType = "client_credentials"

    let issuance: AccessTokenIssuance

    /// What a client asks for.
    struct Wish: Sendable {
        /// The audience URI or the name of a service.
        let audience: String
        /// Nil asks for everything that is granted.
        let scopes: ScopeSet?
    }

    /// Reads what is asked for.
    func wish(_ form: FormParameters) throws(OAuthError) -> Wish {
        guard let grantType = form["grant_type"] else {
            throw OAuthError(.invalidRequest, "no_grant_type", "grant_type is missing")
        }
        guard grantType == Self.grantType else {
            throw OAuthError(.unsupportedGrantType, "grant_type", "the only grant_type is \(Self.grantType)")
        }
        let audience = try self.audience(form)
        guard let text = form["scope"] else { return Wish(audience: audience, scopes: nil) }
        do {
            return Wish(audience: audience, scopes: try ScopeSet(parsing: text))
        } catch {
            throw OAuthError(.invalidScope, error.label, "scope: \(error)")
        }
    }

    /// Issues the token.
    func issue(
        _ wish: Wish, to client: OAuthClient, by library: ReportedLibrary, now: Date
    ) throws(OAuthError) -> IssuedAccessToken {
        do {
            return try self.issuance.issue(
                to: client.id, audience: wish.audience, scopes: wish.scopes,
                certificateSHA256: client.certificateSHA256, library: library, now: now)
        } catch {
            throw OAuthError(error)
        }
    }

    /// The one service that a token is for.
    ///
    /// `resource` is an absolute URI without a fragment (RFC 8707 §2); `audience` may also be the name of a service.
    private func audience(_ form: FormParameters) throws(OAuthError) -> String {
        let resources = form.all("resource")
        let audiences = form.all("audience")
        guard resources.count <= 1, audiences.count <= 1 else {
            throw OAuthError(.invalidTarget, "several_targets", "a token is for one service: name one")
        }
        guard let resource = resources.first else {
            guard let audience = audiences.first else {
                throw OAuthError(.invalidTarget, "no_target", "resource, or audience, is missing")
            }
            return audience
        }
        do {
            _ = try AudienceURI(parsing: resource)
        } catch {
            throw OAuthError(.invalidTarget, "malformed_resource", "resource: \(error)")
        }
        guard let audience = audiences.first else { return resource }
        let access = self.issuance.registry.access
        guard let service = access.service(named: resource), service == access.service(named: audience) else {
            throw OAuthError(.invalidTarget, "targets_differ", "resource and audience are not the same service")
        }
        return resource
    }
}

extension IssuedAccessToken {
    /// The answer to the client (RFC 6749 §5.1); there is no refresh token (RFC 6749 §4.4.3).
    var members: JSONObject {
        [
            "access_token": .string(self.token), "token_type": "Bearer",
            "expires_in": .number(
                JSONNumber(self.content.expiresAt.secondsSinceEpoch - self.content.issuedAt.secondsSinceEpoch)),
            "scope": .string(self.content.scopes.text),
        ]
    }
}
