package import SPIFFE

/// Who made a change.
package enum Actor: Hashable, Sendable {
    /// The server itself: rotation, pruning, attestation.
    case server
    /// A local user, by the administrator's socket.
    case uid(UInt32)
    /// An administrator or agent, by the SPIFFE ID of its SVID.
    case peer(SPIFFEID)
}

extension Actor: CustomStringConvertible {
    /// `server`, `uid:N`, or a SPIFFE ID.
    package var description: String {
        switch self {
        case .server: "server"
        case .uid(let uid): "uid:\(uid)"
        case .peer(let id): id.uri
        }
    }

    /// Reads what ``description`` wrote; `nil` for anything else.
    package init?(description text: String) {
        if text == "server" {
            self = .server
        } else if text.hasPrefix("uid:"), let uid = UInt32(text.dropFirst("uid:".count)) {
            self = .uid(uid)
        } else if let id = try? SPIFFEID(parsing: text) {
            self = .peer(id)
        } else {
            return nil
        }
    }
}
