import Authority
import ControlPlaneProtos
import FoundationEssentials
import SPIFFE
import SwiftProtobuf

extension IssuedX509SVID {
    func proto(id: SPIFFEID) -> Spire_Api_Types_X509SVID {
        .with {
            $0.id = id.proto
            $0.certChain = self.chainDER.map { Data($0) }
            $0.expiresAt = self.expiresAt.secondsSinceEpoch
        }
    }
}

extension IssuedWITSVID {
    func proto(id: SPIFFEID, hint: String) -> Spire_Api_Types_WITSVID {
        .with {
            $0.token = self.token
            $0.id = id.proto
            $0.expiresAt = self.expiresAt.secondsSinceEpoch
            $0.issuedAt = self.issuedAt.secondsSinceEpoch
            $0.hint = hint
        }
    }
}

extension IssuedJWTSVID {
    func proto(id: SPIFFEID, hint: String) -> Spire_Api_Types_JWTSVID {
        .with {
            $0.token = self.token
            $0.id = id.proto
            $0.expiresAt = self.expiresAt.secondsSinceEpoch
            $0.issuedAt = self.issuedAt.secondsSinceEpoch
            $0.hint = hint
        }
    }
}
