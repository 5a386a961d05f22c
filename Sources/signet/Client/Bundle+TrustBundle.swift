import ControlPlaneProtos
import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import X509

extension Spire_Api_Types_Bundle {
    /// The bundle as the standard's value.
    ///
    /// - Throws: ``CommandError`` when the server's answer is not a bundle.
    func trustBundle() throws -> TrustBundle {
        do {
            return TrustBundle(
                trustDomain: try TrustDomain(parsing: self.trustDomain),
                x509Authorities: try self.x509Authorities.map { try Certificate(derEncoded: Array($0.asn1)) },
                jwtAuthorities: try self.jwtAuthorities.map {
                    let key = try PublicKey(subjectPublicKeyInfoDER: Array($0.publicKey))
                    let end = $0.expiresAt == 0 ? nil : Date(unixSeconds: $0.expiresAt)
                    guard let authority = JWTAuthority(keyID: $0.keyID, publicKey: key, expiresAt: end) else {
                        throw CommandError("a JWT authority has no key ID")
                    }
                    return authority
                },
                witAuthorities: try self.witAuthorities.map {
                    let key = try PublicKey(subjectPublicKeyInfoDER: Array($0.publicKey))
                    let end = $0.expiresAt == 0 ? nil : Date(unixSeconds: $0.expiresAt)
                    guard let authority = WITAuthority(keyID: $0.keyID, publicKey: key, expiresAt: end) else {
                        throw CommandError("a WIT authority has no key ID")
                    }
                    return authority
                },
                sequenceNumber: self.sequenceNumber,
                refreshHint: self.refreshHint > 0 ? .seconds(self.refreshHint) : nil)
        } catch {
            throw CommandError("the server's bundle cannot be read: \(error)")
        }
    }
}

/// PEM text of DER documents.
enum PEM {
    static func certificate(_ der: some Sequence<UInt8>) throws -> String {
        PEMDocument(type: "CERTIFICATE", derBytes: Array(der)).pemString
    }

    static func privateKey(_ der: some Sequence<UInt8>) -> String {
        PEMDocument(type: "PRIVATE KEY", derBytes: Array(der)).pemString
    }

    static func certificates(_ chain: some Sequence<some Sequence<UInt8>>) throws -> String {
        try chain.map { try Self.certificate($0) + "\n" }.joined()
    }
}
