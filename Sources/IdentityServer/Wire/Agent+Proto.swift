import ControlPlaneProtos
import FoundationEssentials
import NodeAttestation
import SwiftProtobuf

extension AttestedAgent {
    var proto: Spire_Api_Types_Agent {
        .with {
            $0.id = self.id.proto
            $0.attestationType = self.attestationType
            $0.x509SvidSerialNumber = self.serialNumber
            $0.x509SvidExpiresAt = self.expiresAt.secondsSinceEpoch
            $0.selectors = self.selectors.map(\.proto)
            $0.banned = self.banned
            $0.canReattest = self.canReattest
            $0.agentVersion = self.agentVersion
        }
    }
}

extension Spire_Api_Types_Agent {
    /// Leaves only the fields that the mask asks for, and the ID.
    mutating func apply(_ mask: Spire_Api_Types_AgentMask) {
        if !mask.attestationType { self.attestationType = "" }
        if !mask.x509SvidSerialNumber { self.x509SvidSerialNumber = "" }
        if !mask.x509SvidExpiresAt { self.x509SvidExpiresAt = 0 }
        if !mask.selectors { self.selectors = [] }
        if !mask.banned { self.banned = false }
        if !mask.canReattest { self.canReattest = false }
        if !mask.agentVersion { self.agentVersion = "" }
    }
}
