import ControlPlaneProtos
import SPIFFE
import SwiftProtobuf

extension SPIFFEID {
    var proto: Spire_Api_Types_SPIFFEID {
        .with {
            $0.trustDomain = self.trustDomain.name
            $0.path = self.path
        }
    }
}

/// The kinds of SPIFFE ID that requests name; each is an ID with a path in the server's trust domain.
enum SPIFFEIDRole: Sendable {
    /// Any ID.
    case member
    /// Outside the names that the control plane keeps for itself.
    case workload
    /// Below `/spire/agent`.
    case agent
}

/// Why a SPIFFE ID in a request is not what the method takes.
enum SPIFFEIDRefusal: Error, Hashable {
    case missing
    case malformed(SPIFFEIDError)
    case foreign(SPIFFEID, TrustDomain)
    case emptyPath(SPIFFEID)
    case reserved(SPIFFEID)
    case notAnAgent(SPIFFEID)

    var message: String {
        switch self {
        case .missing: "request must specify SPIFFE ID"
        case .malformed(let error): "\(error)"
        case .foreign(let id, let trustDomain): "\"\(id)\" is not a member of trust domain \"\(trustDomain)\""
        case .emptyPath(let id): "\"\(id)\" has no path"
        case .reserved(let id): "\"\(id)\" is in the reserved namespace /spire"
        case .notAnAgent(let id): "\"\(id)\" is not in the agent namespace /spire/agent"
        }
    }
}

extension Spire_Api_Types_SPIFFEID {
    /// The ID, if it is in the trust domain and of the role.
    func parsed(
        as role: SPIFFEIDRole, in trustDomain: TrustDomain, isPresent: Bool = true
    ) throws(SPIFFEIDRefusal) -> SPIFFEID {
        guard isPresent else { throw .missing }
        return try SPIFFEID(self, as: role, in: trustDomain)
    }
}

extension SPIFFEID {
    /// Whether an agent could have this ID.
    var isAgentID: Bool {
        self.path.hasPrefix("/spire/agent/")
    }

    /// Reads an ID from its two parts, if it is in the trust domain and of the role.
    fileprivate init(
        _ proto: Spire_Api_Types_SPIFFEID, as role: SPIFFEIDRole, in trustDomain: TrustDomain
    ) throws(SPIFFEIDRefusal) {
        do throws(SPIFFEIDError) {
            try self.init(trustDomain: TrustDomain(parsing: proto.trustDomain), path: proto.path)
        } catch {
            throw .malformed(error)
        }
        try self.check(role, in: trustDomain)
    }

    /// Reads an ID from its URI, if it is in the trust domain and of the role.
    init(uri: String, as role: SPIFFEIDRole, in trustDomain: TrustDomain) throws(SPIFFEIDRefusal) {
        do throws(SPIFFEIDError) {
            try self.init(parsing: uri)
        } catch {
            throw .malformed(error)
        }
        try self.check(role, in: trustDomain)
    }

    private func check(_ role: SPIFFEIDRole, in trustDomain: TrustDomain) throws(SPIFFEIDRefusal) {
        guard self.trustDomain == trustDomain else { throw .foreign(self, trustDomain) }
        guard !self.path.isEmpty else { throw .emptyPath(self) }
        switch role {
        case .member:
            return
        case .workload:
            guard !self.isReserved else { throw .reserved(self) }
        case .agent:
            guard self.isAgentID else { throw .notAnAgent(self) }
        }
    }
}

extension SPIFFEID {
    /// The server's own ID, `/spire/server`, which agents expect it to have.
    static func server(of trustDomain: TrustDomain) throws(SPIFFEIDError) -> SPIFFEID {
        try SPIFFEID(trustDomain: trustDomain, path: "/spire/server")
    }
}
