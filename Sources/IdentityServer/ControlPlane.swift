import AccessGrants
import AccessTokens
import Audit
import Authority
import FoundationEssentials
import Logging
import NodeAttestation
import Registration
import Rotation
import SPIFFE
import SPIFFETLS

/// What the services of the control plane share.
struct ControlPlane: Sendable {
    let trustDomain: TrustDomain
    let lifetimes: Lifetimes
    let registry: Registry
    let authority: Watched<AuthorityState>
    let entryStore: any EntryStore
    let nodeStore: any NodeStore
    let joinTokenStore: any JoinTokenStore
    let accessStore: any AccessStore
    let revocationStore: any RevocationStore
    /// What issues access tokens; nil where the configuration has no authorization server.
    let tokens: Tokens?
    let writes: WriteOrder
    let storeFailures: StoreFailureLog
    let disconnections: Disconnections
    /// Signalled when the entries may have another next expiry.
    let expiryChanged: WakeUp
    /// Signalled when there are expired entries, which wait for their deletion.
    let entriesExpired: WakeUp
    let entryIDs = EntryIDs()
    /// Where it is recorded what is issued, refused and taken back.
    let audit: AuditTrail
    let instants: Instants
    let logger: Logger

    /// What issues access tokens, and what their validators follow.
    struct Tokens: Sendable {
        let issuance: AccessTokenIssuance
        let feed: TokenFeed
        /// Whose connections to this server end.
        let revokedPeers: RevokedPeers

        init(issuance: AccessTokenIssuance, feed: TokenFeed) {
            self.issuance = issuance
            self.feed = feed
            self.revokedPeers = RevokedPeers()
            self.revokedPeers.replace { feed.isRevoked($0) }
        }

        /// Puts a revocation into force that is in the store.
        func add(_ recorded: RecordedRevocation, position: ChangePosition) {
            self.feed.add(recorded, position: position)
            switch recorded.revocation.target {
            case .subject, .certificate: self.revokedPeers.replace { [feed] in feed.isRevoked($0) }
            case .token, .key: break
            }
        }
    }

    /// How long what is issued lives where nothing else says so.
    struct Lifetimes: Hashable, Sendable {
        var x509SVID: Duration
        var jwtSVID: Duration
        var witSVID: Duration
        var agent: Duration
        /// Nothing that is signed lives longer than the authority that signs it.
        var authority: Duration
    }
}
