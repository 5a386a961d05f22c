import ControlPlaneProtos
import FoundationEssentials
import JOSE
import SPIFFE
import SwiftProtobuf

extension TrustBundle {
    /// The bundle as SPIRE's API has it: keys in DER (SubjectPublicKeyInfo), the refresh hint in whole seconds.
    var proto: Spire_Api_Types_Bundle {
        .with {
            $0.trustDomain = self.trustDomain.name
            $0.x509Authorities = self.x509Authorities.map { certificate in
                .with { $0.asn1 = Data(certificate.derBytes) }
            }
            $0.jwtAuthorities = self.jwtAuthorities.map(\.proto)
            $0.witAuthorities = self.witAuthorities.map(\.proto)
            $0.refreshHint = self.refreshHint?.components.seconds ?? 0
            $0.sequenceNumber = self.sequenceNumber ?? 0
        }
    }
}

extension JWTAuthority {
    fileprivate var proto: Spire_Api_Types_JWTKey {
        .with {
            $0.keyID = self.keyID
            $0.publicKey = Data(self.publicKey.subjectPublicKeyInfoDER)
            $0.expiresAt = self.expiresAt?.secondsSinceEpoch ?? 0
        }
    }
}

extension WITAuthority {
    fileprivate var proto: Spire_Api_Types_WITKey {
        .with {
            $0.keyID = self.keyID
            $0.publicKey = Data(self.publicKey.subjectPublicKeyInfoDER)
            $0.expiresAt = self.expiresAt?.secondsSinceEpoch ?? 0
        }
    }
}

extension Spire_Api_Types_Bundle {
    /// Leaves only the fields that the mask asks for, and the trust domain.
    mutating func apply(_ mask: Spire_Api_Types_BundleMask) {
        if !mask.x509Authorities { self.x509Authorities = [] }
        if !mask.jwtAuthorities { self.jwtAuthorities = [] }
        if !mask.refreshHint { self.refreshHint = 0 }
        if !mask.sequenceNumber { self.sequenceNumber = 0 }
        if !mask.witAuthorities { self.witAuthorities = [] }
    }
}
