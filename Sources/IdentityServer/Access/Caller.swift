package import FoundationEssentials
package import NodeAttestation
package import Registration
package import SPIFFE

/// Who made a call, once it was found to be allowed.
package enum Caller: Hashable, Sendable {
    /// A process at the administrator's Unix socket.
    case local(uid: UInt32)
    /// A workload that presented the X509-SVID of an entry with `admin`.
    case admin(SPIFFEID)
    /// An attested agent, as the control plane knew it when the call began; ``AttestedAgent/serialNumber`` is the
    /// serial number of the certificate it presented.
    case agent(AttestedAgent)
    /// Anybody, where the method asks for nothing.
    case anyone

    /// How the change log names the caller.
    package var actor: Actor {
        switch self {
        case .local(let uid): .uid(uid)
        case .admin(let id): .peer(id)
        case .agent(let agent): .peer(agent.id)
        case .anyone: .server
        }
    }
}

/// What a connection proves about its other end.
package enum Credentials: Hashable, Sendable {
    case local(uid: UInt32)
    /// A validated X509-SVID: its SPIFFE ID, its serial number in decimal digits, and when it expires.
    case svid(SPIFFEID, serialNumber: String, expiresAt: Date)
    case anonymous
}
