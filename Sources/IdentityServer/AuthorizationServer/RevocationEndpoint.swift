import AccessTokens
import FoundationEssentials
import Registration
import Rotation

/// `POST /oauth2/revoke`: a client takes back a token of its own (RFC 7009).
struct RevocationEndpoint: Sendable {
    let inspection: TokenInspection
    let plane: ControlPlane

    /// Revokes the token, and returns its `jti`; nil where there is nothing to revoke, which is no error (§2.2).
    func revoke(_ form: FormParameters, by client: OAuthClient) async throws -> String? {
        guard let text = form["token"] else {
            throw OAuthError(.invalidRequest, "no_token", "token is missing")
        }
        guard let token = self.inspection.token(text) else { return nil }
        guard token.claims.subject == client.id else {
            throw OAuthError(.unauthorizedClient, "token_of_another", "the token was not issued to the client")
        }
        guard self.inspection.isActive(token, now: self.plane.instants.now()) else { return nil }
        // Clients cannot use up what administrators need to revoke, and one of them not what the others need.
        let count = self.inspection.feed.count(by: .peer(client.id), now: self.plane.instants.now())
        guard count.all < ControlPlaneLimits.maxRevocationsByClients,
            count.own < ControlPlaneLimits.maxRevocationsByOneClient
        else { throw OAuthError(.temporarilyUnavailable, "too_many_revocations", "there are too many revocations") }
        do {
            _ = try await self.plane.revoke(
                .token(token.claims.tokenID), reason: "revoked by the client", by: .peer(client.id),
                route: AuthorizationServerMetadata.revocationPath)
        } catch {
            throw OAuthError(.temporarilyUnavailable, "not_stored", "the revocation could not be stored: try again")
        }
        return token.claims.tokenID
    }
}
