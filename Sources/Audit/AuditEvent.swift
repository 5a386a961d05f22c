package import FoundationEssentials

/// One thing that the control plane did or refused: the record of it, never the token or the assertion.
package struct AuditEvent: Hashable, Sendable {
    package enum Decision: String, Hashable, Sendable, CaseIterable {
        case issued
        case refused
        case revoked
        /// What is granted has changed.
        case changed
        /// Records before this one could not be written; ``AuditEvent/count`` says how many.
        case lost
        /// Refusals before this one were too many in one second to be recorded; ``AuditEvent/count`` says how many, and
        /// ``AuditEvent/reason`` of which kind.
        case suppressed
    }

    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case accessToken = "access_token"
        case jwtSVID = "jwt_svid"
        case x509SVID = "x509_svid"
        case witSVID = "wit_svid"
        /// An agent and its X509-SVID.
        case agent
        /// What admits one agent once.
        case joinToken = "join_token"
        /// What a token says, to whom it concerns.
        case introspection
        /// A method of the control plane, refused to whoever may not call it.
        case call
        case service
        case grant
        /// Everything of one subject.
        case subject
        /// Everything that one key has signed.
        case key
        case audit
    }

    package var time: Date
    package var decision: Decision
    package var kind: Kind
    /// A stable word for why something was refused, and for a change; for a revocation what the actor wrote.
    package var reason: String?
    /// What an operator has to do about a refusal, where the reason alone does not say it.
    package var remedy: String?
    package var issuer: String?
    package var keyID: String?
    /// The SPIFFE ID that something was issued to, or taken from.
    package var subject: String?
    package var audience: [String] = []
    package var scope: String?
    package var tokenID: String?
    /// The serial number of a certificate, as its issuer writes it.
    package var serialNumber: String?
    package var expiresAt: Date?
    /// Who asked, as the connection proved it: `uid:N` or a SPIFFE ID; nil for anybody.
    package var peer: String?
    /// The method or path that was called.
    package var route: String
    package var latency: Duration?
    /// The library by which somebody asked, and its version, as they say: `signet-swift/1.2.3`.
    package var library: String?
    /// How many records this one stands for, where that is not itself alone.
    package var count: UInt64?

    package init(time: Date, decision: Decision, kind: Kind, route: String, peer: String? = nil) {
        self.time = time
        self.decision = decision
        self.kind = kind
        self.route = route
        self.peer = peer
    }
}
