import AccessTokens
import Audit
import FoundationEssentials
import Registration
import Rotation

/// `POST /oauth2/revoke`: a client takes back a token of its own (RFC 7009).
struct RevocationEndpoint: Sendable {
    let inspection: TokenInspection
    let plane: ControlPlane

    /// Revokes the token, and returns its `jti`; nil where there is nothing to revoke, which is no error (§2.2).
    ///
    /// - Parameter event: Is told which token it is.
    func revoke(
        _ form: FormParameters, by client: OAuthClient, _ event: inout AuditEvent
    ) async throws -> String? {
        guard let text = form["token"] else {
            throw OAuthError(.invalidRequest, "no_token", "token is missing")
        }
        guard let token = self.inspection.token(text) else { return nil }
        event.note(token)
        guard token.claims.subject == client.id else {
            throw OAuthError(.unauthorizedClient, "token_of_another", "the token was not issued to the client")
        }
        guard self.inspection.isActive(token, now: self.plane.instants.now()) else { return nil }
        do {
            _ = try await self.plane.revoke(
                .token(token.claims.tokenID), reason: "revoked by the client", by: .peer(client.id), within: .clients,
                route: AuthorizationServerMetadata.revocationPath)
        } catch let refusal as RevocationRefusal where refusal == .tooMany {
            throw OAuthError(.temporarilyUnavailable, refusal.label, "there are too many revocations")
        } catch let error where StoreFailure(in: error) != nil {
            throw OAuthError(.temporarilyUnavailable, "not_stored", "the revocation could not be stored: try again")
        }
        return token.claims.tokenID
    }
}
