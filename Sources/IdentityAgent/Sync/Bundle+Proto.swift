import ControlPlaneProtos
import FoundationEssentials
import JOSE
import SPIFFE

/// Why a bundle of the server is refused; the last good one stays in force.
enum BundleReplyError: Error, Hashable, CustomStringConvertible {
    case otherTrustDomain(String)
    case authorities(TrustBundleError)

    var description: String {
        switch self {
        case .otherTrustDomain(let name): "the bundle is of trust domain '\(name)'"
        case .authorities(let error): "the X.509 authorities cannot be read: \(error)"
        }
    }
}

extension TrustBundle {
    /// Reads a bundle as SPIRE's API has it.
    ///
    /// JWT and WIT keys of a type that no token may be signed with are left out.
    init(_ proto: Spire_Api_Types_Bundle, trustDomain: TrustDomain) throws(BundleReplyError) {
        guard let name = try? TrustDomain(nameOrID: proto.trustDomain), name == trustDomain else {
            throw .otherTrustDomain(proto.trustDomain)
        }
        do {
            self.init(
                trustDomain: trustDomain,
                x509Authorities: try TrustBundle.parseCertificates(
                    concatenatedDER: proto.x509Authorities.flatMap { Array($0.asn1) }),
                jwtAuthorities: proto.jwtAuthorities.compactMap(JWTAuthority.init(_:)),
                witAuthorities: proto.witAuthorities.compactMap(WITAuthority.init(_:)),
                sequenceNumber: proto.sequenceNumber,
                refreshHint: proto.refreshHint > 0
                    ? .seconds(min(proto.refreshHint, TrustBundle.maxRefreshHintSeconds)) : nil)
        } catch {
            throw .authorities(error)
        }
    }
}

extension ServerBundle {
    /// Reads a bundle as SPIRE's API has it, with what it says of its authorities.
    init(_ proto: Spire_Api_Types_Bundle, trustDomain: TrustDomain) throws(BundleReplyError) {
        var tainted = Spire_Api_Types_Bundle()
        tainted.trustDomain = proto.trustDomain
        tainted.x509Authorities = proto.x509Authorities.filter(\.tainted)
        tainted.witAuthorities = proto.witAuthorities.filter(\.tainted)
        self.init(
            trust: try TrustBundle(proto, trustDomain: trustDomain),
            tainted: try TrustBundle(tainted, trustDomain: trustDomain).authorityKeyIdentifiers)
    }
}

extension JWTAuthority {
    fileprivate init?(_ proto: Spire_Api_Types_JWTKey) {
        guard let key = try? PublicKey(subjectPublicKeyInfoDER: Array(proto.publicKey)) else { return nil }
        self.init(
            keyID: proto.keyID, publicKey: key,
            expiresAt: proto.expiresAt > 0 ? Date(timeIntervalSince1970: Double(proto.expiresAt)) : nil)
    }
}

extension WITAuthority {
    fileprivate init?(_ proto: Spire_Api_Types_WITKey) {
        guard let key = try? PublicKey(subjectPublicKeyInfoDER: Array(proto.publicKey)) else { return nil }
        self.init(
            keyID: proto.keyID, publicKey: key,
            expiresAt: proto.expiresAt > 0 ? Date(timeIntervalSince1970: Double(proto.expiresAt)) : nil)
    }
}
