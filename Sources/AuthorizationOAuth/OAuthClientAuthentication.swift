public import SPIFFE
public import WorkloadAPI

/// How this process proves to an issuer who it is.
///
/// There are no client secrets.
public struct OAuthClientAuthentication: Sendable {
    /// What a request brings, and whose token it will be.
    struct Proof: Sendable {
        let id: SPIFFEID
        let parameters: [(name: String, value: String)]
    }

    /// The type of assertion that a JWT-SVID is.
    static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

    /// Whether the certificate of the connection is the proof.
    let isByCertificate: Bool
    let proof: @Sendable (_ issuer: String, _ id: SPIFFEID?) async throws -> Proof

    /// By the X509-SVID that the connection presents (`spiffe_x509`); the request says `client_id`.
    ///
    /// - Parameter source: That of the `SPIFFEHTTPClient`.
    public static func x509SVID(_ source: any X509SVIDSource) -> OAuthClientAuthentication {
        OAuthClientAuthentication(isByCertificate: true) { _, wanted in
            let id = try source.current().svid.id
            if let wanted, wanted != id { throw OAuthClientError.noSuchIdentity(wanted) }
            return Proof(id: id, parameters: [("client_id", id.uri)])
        }
    }

    /// By a JWT-SVID whose only audience is the issuer (`spiffe_jwt`).
    ///
    /// - Parameters:
    ///   - source: Where the JWT-SVID comes from.
    ///   - selection: Whose, where a request does not say. Default: the first.
    public static func jwtSVID(
        _ source: JWTSource, selection: SVIDSelection = .first
    ) -> OAuthClientAuthentication {
        .jwtSVID { issuer, id in
            try await source.token(for: [issuer], selection: id.map { .spiffeID($0) } ?? selection)
        }
    }

    /// By JWT-SVIDs from somewhere else.
    package static func jwtSVID(
        fetchedBy fetch: @escaping @Sendable (_ audience: String, _ id: SPIFFEID?) async throws -> JWTSVID
    ) -> OAuthClientAuthentication {
        OAuthClientAuthentication(isByCertificate: false) { issuer, wanted in
            let svid = try await fetch(issuer, wanted)
            if let wanted, wanted != svid.id { throw OAuthClientError.noSuchIdentity(wanted) }
            return Proof(
                id: svid.id,
                parameters: [("client_assertion_type", Self.assertionType), ("client_assertion", svid.token)])
        }
    }
}
