import ControlPlaneProtos
import ProtoRPC

/// Who may call a method of the control plane.
package struct Access: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Everybody who reaches the listener, with or without a certificate.
    package static let anyone = Access(rawValue: 1 << 0)
    /// Callers of the administrator's Unix socket.
    package static let local = Access(rawValue: 1 << 1)
    /// Callers whose X509-SVID is that of an entry with `admin`.
    package static let admin = Access(rawValue: 1 << 2)
    /// Attested agents.
    package static let agent = Access(rawValue: 1 << 3)

    package static let administrators: Access = [.local, .admin]
}

extension Access {
    /// The callers of each method, as SPIRE's default policy has them.
    ///
    /// A path that is not here may be called by nobody.
    package static let byPath: [String: Access] = [
        AgentMethods.attestAgent.path: .anyone,
        AgentMethods.renewAgent.path: .agent,
        AgentMethods.postStatus.path: .agent,
        AgentMethods.countAgents.path: .administrators,
        AgentMethods.listAgents.path: .administrators,
        AgentMethods.getAgent.path: .administrators,
        AgentMethods.deleteAgent.path: .administrators,
        AgentMethods.banAgent.path: .administrators,
        AgentMethods.createJoinToken.path: .administrators,

        EntryMethods.countEntries.path: .administrators,
        EntryMethods.listEntries.path: .administrators,
        EntryMethods.getEntry.path: .administrators,
        EntryMethods.batchCreateEntry.path: .administrators,
        EntryMethods.batchUpdateEntry.path: .administrators,
        EntryMethods.batchDeleteEntry.path: .administrators,
        EntryMethods.getAuthorizedEntries.path: .agent,
        EntryMethods.syncAuthorizedEntries.path: .agent,

        SVIDMethods.mintX509SVID.path: .administrators,
        SVIDMethods.mintJWTSVID.path: .administrators,
        SVIDMethods.batchNewX509SVID.path: .agent,
        SVIDMethods.newJWTSVID.path: .agent,
        SVIDMethods.mintWITSVID.path: .administrators,
        SVIDMethods.batchNewWITSVID.path: .agent,

        BundleMethods.getBundle.path: .anyone,

        RevocationMethods.revoke.path: .administrators,
        RevocationMethods.listRevocations.path: .administrators,

        AccessMethods.createService.path: .administrators,
        AccessMethods.listServices.path: .administrators,
        AccessMethods.getService.path: .administrators,
        AccessMethods.deleteService.path: .administrators,
        AccessMethods.createGrant.path: .administrators,
        AccessMethods.listGrants.path: .administrators,
        AccessMethods.getGrant.path: .administrators,
        AccessMethods.deleteGrant.path: .administrators,
        AccessMethods.testGrant.path: .administrators,
        AccessMethods.applyPolicy.path: .administrators,

        SyncMethods.watchAuthorizedEntries.path: .agent,
        AccessTokenMethods.issueAccessToken.path: .agent,
        AccessTokenMethods.watchTokenState.path: .agent,
    ]
}
