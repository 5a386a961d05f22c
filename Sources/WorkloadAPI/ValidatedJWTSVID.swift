public import JOSE
public import SPIFFE

/// What the Workload API says of a JWT-SVID that it has validated.
public struct ValidatedJWTSVID: Sendable, Hashable {
    /// Who the token proves its bearer to be.
    public let id: SPIFFEID
    /// The claims; the server may leave out those that SPIFFE does not define.
    ///
    /// Numbers came as 64-bit floating point.
    public let claims: JSONObject

    package init(id: SPIFFEID, claims: JSONObject) {
        self.id = id
        self.claims = claims
    }
}
