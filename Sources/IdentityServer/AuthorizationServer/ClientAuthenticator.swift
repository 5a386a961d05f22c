import AccessGrants
import AccessTokens
import Authority
import FoundationEssentials
import JOSE
import Rotation
import SPIFFE

/// A client of the authorization server: a workload that proved who it is.
struct OAuthClient: Sendable {
    /// How a client authenticates itself, as metadata names it (draft-ietf-oauth-spiffe-client-auth).
    enum Method: String, Sendable, CaseIterable {
        case spiffeX509 = "spiffe_x509"
        case spiffeJWT = "spiffe_jwt"
    }

    let id: SPIFFEID
    let method: Method
    /// SHA-256 of the certificate on the connection, where there is one.
    let certificateSHA256: [UInt8]?
}

/// Finds out which client makes a request: by the X509-SVID of its connection, or by a JWT-SVID as its assertion.
///
/// There are no client secrets, and nothing else is accepted (RFC 6749 §2.3, RFC 7521 §4.2, RFC 8705 §2,
/// draft-ietf-oauth-spiffe-client-auth-02).
struct ClientAuthenticator: Sendable {
    /// The type of an assertion that is a JWT-SVID.
    static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
    /// How far in the future an assertion may expire.
    static let maxAssertionLife: Duration = .seconds(3_600)

    let issuer: String
    let authority: Watched<AuthorityState>
    let registry: Registry
    let feed: TokenFeed

    /// The client.
    ///
    /// - Throws: `invalid_client`, or `invalid_request` where it is not said which client it is, or in two ways.
    func client(
        of request: OAuthRequest, _ form: FormParameters, now: Date
    ) throws(OAuthError) -> OAuthClient {
        let hasAssertion = form["client_assertion"] != nil || form["client_assertion_type"] != nil
        let others = [request.authorizationScheme != nil, form["client_secret"] != nil].count { $0 }
        guard others + (hasAssertion ? 1 : 0) <= 1 else {
            throw OAuthError(
                .invalidRequest, "two_authentications", "the client authenticates itself in more than one way")
        }
        guard others == 0 else {
            throw OAuthError(
                .invalidClient, "unsupported_authentication",
                "clients authenticate themselves by an X509-SVID or a JWT-SVID, and by nothing else")
        }
        let client =
            hasAssertion
            ? try self.clientOfAssertion(request, form, now: now) : try self.clientOfConnection(request, form, now: now)
        guard self.registry.access.knows(client.id) else {
            throw OAuthError(.invalidClient, "unknown_caller", "no service and no grant names \(client.id)")
        }
        return client
    }

    // MARK: X509-SVID

    private func clientOfConnection(
        _ request: OAuthRequest, _ form: FormParameters, now: Date
    ) throws(OAuthError) -> OAuthClient {
        guard let peer = request.peer else {
            throw OAuthError(
                .invalidClient, "no_authentication", "the connection has no client certificate, the form no assertion")
        }
        guard let clientID = form["client_id"] else {
            throw OAuthError(.invalidRequest, "no_client_id", "client_id is missing")
        }
        guard clientID.utf8.elementsEqual(peer.id.uri.utf8) else {
            throw OAuthError(
                .invalidClient, "client_id_mismatch", "client_id is not the SPIFFE ID of the client certificate")
        }
        return OAuthClient(
            id: peer.id, method: .spiffeX509, certificateSHA256: try self.certificateSHA256(of: peer, now: now))
    }

    /// The hash of a certificate that is valid still, and not revoked.
    private func certificateSHA256(of peer: VerifiedX509SVID, now: Date) throws(OAuthError) -> [UInt8] {
        guard now <= peer.notAfter else {
            throw OAuthError(.invalidClient, "certificate_expired", "the client certificate has expired")
        }
        guard !self.feed.isPending(peer.revocationTarget) else {
            throw OAuthError(
                .temporarilyUnavailable, "being_revoked", "the client certificate is being revoked: try again")
        }
        guard !self.feed.isRevoked(peer) else {
            throw OAuthError(.invalidClient, "certificate_revoked", "the client certificate is revoked")
        }
        return peer.certificateSHA256
    }

    // MARK: JWT-SVID

    private func clientOfAssertion(
        _ request: OAuthRequest, _ form: FormParameters, now: Date
    ) throws(OAuthError) -> OAuthClient {
        guard let assertion = form["client_assertion"], let type = form["client_assertion_type"] else {
            throw OAuthError(
                .invalidRequest, "incomplete_assertion", "client_assertion and client_assertion_type come together")
        }
        guard type.utf8.elementsEqual(Self.assertionType.utf8) else {
            throw OAuthError(
                .invalidClient, "unsupported_assertion_type", "client_assertion_type is not \(Self.assertionType)")
        }
        let svid: JWTSVID
        do throws(JWTSVIDError) {
            svid = try JWTSVID.validate(
                assertion, audience: self.issuer, bundles: TrustBundles([self.authority.current.bundle]), now: now)
        } catch {
            // What is wrong is said; what the assertion says is not said again.
            throw OAuthError(.invalidClient, error.label, "the assertion is refused: \(error.label)")
        }
        guard svid.audience.count == 1 else {
            throw OAuthError(
                .invalidClient, "assertion_audiences", "the issuer is not the only audience of the assertion")
        }
        guard svid.expiresAt <= now.addingTimeInterval(Self.maxAssertionLife / .seconds(1)) else {
            throw OAuthError(
                .invalidClient, "assertion_too_long", "the assertion is valid for more than an hour from now")
        }
        // An assertion that does not say when it was issued may be from before any revocation.
        let issuedAt = svid.issuedAt ?? .distantPast
        guard !self.feed.isRevoked(svid.id, issuedAt: issuedAt) else {
            throw OAuthError(
                .invalidClient, "assertion_revoked", "what was issued to the client until then is revoked")
        }
        return try self.client(svid.id, request, form, now: now)
    }

    private func client(
        _ id: SPIFFEID, _ request: OAuthRequest, _ form: FormParameters, now: Date
    ) throws(OAuthError) -> OAuthClient {
        if let clientID = form["client_id"], !clientID.utf8.elementsEqual(id.uri.utf8) {
            throw OAuthError(.invalidClient, "client_id_mismatch", "client_id is not the sub of the assertion")
        }
        guard let peer = request.peer else { return OAuthClient(id: id, method: .spiffeJWT, certificateSHA256: nil) }
        guard peer.id == id else {
            throw OAuthError(
                .invalidClient, "certificate_mismatch", "the client certificate is not of the sub of the assertion")
        }
        return OAuthClient(
            id: id, method: .spiffeJWT, certificateSHA256: try self.certificateSHA256(of: peer, now: now))
    }
}
