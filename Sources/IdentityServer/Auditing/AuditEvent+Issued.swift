import AccessGrants
import AccessTokens
import Audit
import Authority
import SPIFFE

extension AuditEvent {
    mutating func note(_ svid: IssuedX509SVID) {
        self.subject = svid.id.uri
        self.serialNumber = svid.certificateSerial
        self.expiresAt = svid.expiresAt
    }

    mutating func note(_ svid: IssuedJWTSVID) {
        self.subject = svid.id.uri
        self.keyID = svid.keyID
        self.tokenID = svid.tokenID
        self.expiresAt = svid.expiresAt
    }

    mutating func note(_ svid: IssuedWITSVID) {
        self.subject = svid.id.uri
        self.keyID = svid.keyID
        self.expiresAt = svid.expiresAt
    }

    mutating func note(_ token: IssuedAccessToken) {
        self.issuer = token.content.issuer
        self.keyID = token.keyID
        self.subject = token.content.subject.uri
        self.audience = [token.content.audience.text]
        self.scope = token.content.scopes.text
        self.tokenID = token.content.id
        self.expiresAt = token.content.expiresAt
    }

    /// A token that somebody shows.
    mutating func note(_ token: AccessToken) {
        self.keyID = token.keyID
        self.subject = token.claims.subject.uri
        self.audience = [token.claims.audience]
        self.scope = token.claims.scopes.text
        self.tokenID = token.claims.tokenID
        self.expiresAt = token.claims.expiresAt
    }

    /// What is revoked: what carries it, by name.
    mutating func note(_ target: Revocation.Target) {
        switch target {
        case .token(let id): (self.kind, self.tokenID) = (.accessToken, id)
        case .subject(let id): (self.kind, self.subject) = (.subject, id.uri)
        case .certificate(let serialNumber): (self.kind, self.serialNumber) = (.x509SVID, serialNumber)
        case .key(let id): (self.kind, self.keyID) = (.key, id)
        }
    }

    /// A change of what is granted that was made.
    mutating func note(_ change: AccessChange, of policy: AccessPolicy) {
        self.note(askedFor: change, of: policy)
        switch change {
        case .putService, .putGrant: self.reason = "put"
        case .deleteService, .deleteGrant: self.reason = "deleted"
        }
    }

    /// A change of what is granted: the caller is the subject, the service the audience.
    mutating func note(askedFor change: AccessChange, of policy: AccessPolicy) {
        switch change {
        case .putService(let service):
            self.kind = .service
            self.audience = [service.audience.text]
        case .deleteService(let name):
            self.kind = .service
            self.audience = [policy.services[name]?.audience.text ?? name.text]
        case .putGrant(let grant):
            self.note(grant, of: policy)
        case .deleteGrant(let id):
            self.kind = .grant
            if let grant = policy.grants[id] { self.note(grant, of: policy) }
        }
    }

    private mutating func note(_ grant: Grant, of policy: AccessPolicy) {
        self.kind = .grant
        self.subject = "\(grant.caller)"
        self.audience = [policy.services[grant.service]?.audience.text ?? grant.service.text]
        self.scope = grant.scopes.text
        self.expiresAt = grant.notAfter
    }
}
