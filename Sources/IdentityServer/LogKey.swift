import FoundationEssentials
import NodeAttestation
import SPIFFE

/// The keys of the control plane's log lines, in one place so that they stay the same everywhere.
///
/// Never logged: private keys, join tokens (a spent one is part of its agent's SPIFFE ID, and only then appears),
/// JWT-SVIDs, access tokens, requests for certificates, certificates.
enum LogKey {
    static let authorityID = "authority.id"
    static let agentID = "agent.id"
    static let attempts = "attempts"
    static let attestationType = "attestation.type"
    static let audience = "audience"
    static let authentication = "authentication"
    static let bundleSequence = "bundle.sequence"
    static let caller = "caller"
    static let changeNumber = "change.number"
    static let agentCount = "agent.count"
    static let count = "count"
    static let entryCount = "entry.count"
    static let denial = "denial"
    static let endpoint = "endpoint"
    static let entryID = "entry.id"
    static let error = "error"
    static let expiresAt = "expires.at"
    static let grantedSeconds = "granted.seconds"
    static let httpsPort = "https.port"
    static let keyID = "key.id"
    static let path = "path"
    static let port = "port"
    static let requestedSeconds = "requested.seconds"
    static let revokedKind = "revoked.kind"
    static let revokedName = "revoked.name"
    static let scope = "scope"
    static let serialNumber = "serial.number"
    static let socketPath = "socket.path"
    static let spiffeID = "spiffe.id"
    static let tokenID = "jti"
    static let trustDomain = "trust.domain"
}
