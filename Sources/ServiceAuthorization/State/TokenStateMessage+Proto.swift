import AccessTokens
import FoundationEssentials
import SPIFFE
import WorkloadAPIProtos

extension TokenStateMessage {
    /// Reads a message of the agent.
    ///
    /// - Throws: ``TokenStateError``; a revocation that is not understood is never left out.
    init(_ message: Signet_Workload_V1_TokenState) throws(TokenStateError) {
        var revocations: [Revocation] = []
        for revocation in message.revocations { revocations.append(try Revocation(revocation)) }
        self.init(
            issuer: message.issuer, keySet: Array(message.jwkSet), isFull: message.full, hasMore: message.more,
            ageMilliseconds: message.ageMilliseconds, revocations: revocations)
    }
}

extension Revocation {
    fileprivate init(_ message: Signet_Workload_V1_Revocation) throws(TokenStateError) {
        let target: Revocation.Target
        switch message.target {
        case .jti(let tokenID): target = .token(try Revocation.checked(tokenID))
        case .certificateSerial(let serial): target = .certificate(try Revocation.checked(serial))
        case .kid(let keyID): target = .key(try Revocation.checked(keyID))
        case .spiffeID(let uri):
            do { target = .subject(try SPIFFEID(parsing: uri)) } catch { throw .malformed("spiffe_id") }
        case nil: throw .malformed("target")
        }
        self.init(
            target, revokedAt: try Revocation.checked(message.revokedAt, "revoked_at"),
            expiresAt: try Revocation.checked(message.expiresAt, "expires_at"))
    }
}
