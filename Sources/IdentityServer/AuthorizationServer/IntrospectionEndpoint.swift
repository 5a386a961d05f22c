import AccessGrants
import AccessTokens
import FoundationEssentials
import JOSE
import SPIFFE

/// `POST /oauth2/introspect`: what a token says, to those whom it concerns (RFC 7662).
///
/// They are the client it was issued to and the service it is for. To others every token is inactive.
struct IntrospectionEndpoint: Sendable {
    let inspection: TokenInspection
    let registry: Registry

    /// What came of a question.
    enum Outcome: Sendable {
        case active(AccessToken)
        case inactive
        /// It is active, and the client has no business with it: the answer is the same as for one that is not.
        case ofOthers(AccessToken)

        /// The answer; an inactive token is nothing but inactive (§2.2).
        var members: JSONObject {
            guard case .active(let token) = self else { return ["active": false] }
            var members: JSONObject = ["active": true, "token_type": "Bearer"]
            for (name, value) in token.claims.object().members { members[name] = value }
            return members
        }
    }

    /// Finds out what is answered.
    func introspect(_ form: FormParameters, by client: OAuthClient, now: Date) throws(OAuthError) -> Outcome {
        guard let text = form["token"] else { throw OAuthError(.invalidRequest, "no_token", "token is missing") }
        guard let token = self.inspection.token(text), self.inspection.isActive(token, now: now) else {
            return .inactive
        }
        return self.concerns(client.id, token) ? .active(token) : .ofOthers(token)
    }

    private func concerns(_ id: SPIFFEID, _ token: AccessToken) -> Bool {
        token.claims.subject == id
            || self.registry.access.service(named: token.claims.audience).map { $0.members.matches(id) } ?? false
    }
}
