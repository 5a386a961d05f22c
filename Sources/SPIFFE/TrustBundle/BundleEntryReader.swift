import JOSE
import SwiftASN1
import X509

/// Sorts the entries of a bundle's `keys` into authorities and what is skipped.
struct BundleEntryReader {
    private(set) var x509Authorities: [Certificate] = []
    private(set) var jwtAuthorities: [JWTAuthority] = []
    private(set) var skipped: [SkippedBundleEntry] = []

    private let acceptedUses: [String]
    private let defaultUse: String?
    private var keyIDs: Set<[UInt8]> = []

    private enum Entry {
        case x509(Certificate)
        case jwt(JWTAuthority)
        case skipped(SkippedBundleEntry.Reason)
    }

    /// - Parameters:
    ///   - acceptedUses: The values of `use` that are read.
    ///   - defaultUse: What an entry without `use` is taken for; nil to skip it.
    init(acceptedUses: [String], defaultUse: String?) {
        self.acceptedUses = acceptedUses
        self.defaultUse = defaultUse
    }

    mutating func read(_ entries: [JSONValue]) throws(TrustBundleError) {
        for (index, entry) in entries.enumerated() {
            guard let object = entry.object else { throw .keyNotAnObject(index: index) }
            switch self.entry(object) {
            case .x509(let certificate): self.x509Authorities.append(certificate)
            case .jwt(let authority): self.jwtAuthorities.append(authority)
            case .skipped(let reason): self.skipped.append(SkippedBundleEntry(index: index, reason: reason))
            }
        }
    }

    private mutating func entry(_ object: JSONObject) -> Entry {
        let key: JSONWebKey
        do { key = try JSONWebKey(object) } catch { return .skipped(.malformedKey(error)) }
        guard !key.hasPrivateMembers else { return .skipped(.privateKeyMaterial) }
        guard let use = key.use ?? self.defaultUse else { return .skipped(.missingUse) }
        guard self.acceptedUses.contains(where: { $0.utf8.elementsEqual(use.utf8) }) else {
            return .skipped(.unknownUse(Self.shown(use)))
        }
        guard let keyType = key.kty else { return .skipped(.missingKeyType) }
        // Tokens are never signed with Ed25519 (JWT-SVID §2.1), certificates may be.
        let isEd25519 = object["kty"]?.isString("OKP") == true && object["crv"]?.isString("Ed25519") == true
        if use == TrustBundle.x509Use {
            guard key.publicKey != nil || isEd25519 else { return .skipped(.unknownKeyType(Self.shown(keyType))) }
            return Self.certificate(of: key, object)
        }
        guard let publicKey = key.publicKey else { return .skipped(.unknownKeyType(Self.shown(keyType))) }
        guard let keyID = key.keyID, let authority = JWTAuthority(keyID: keyID, publicKey: publicKey) else {
            return .skipped(.missingKeyID)
        }
        guard self.keyIDs.insert(Array(keyID.utf8)).inserted else {
            return .skipped(.duplicateKeyID(Self.shown(keyID)))
        }
        return .jwt(authority)
    }

    /// The first certificate of an entry counts, others are ignored (X509-SVID §6.2).
    private static func certificate(of key: JSONWebKey, _ object: JSONObject) -> Entry {
        guard let first = key.x5c?.first else { return .skipped(.missingCertificate) }
        guard let der = try? Base64.decode(first) else { return .skipped(.malformedCertificate) }
        let certificate: Certificate
        do {
            certificate = try Certificate(received: der)
        } catch .unsupported {
            return .skipped(.unsupportedCertificate)
        } catch {
            return .skipped(.malformedCertificate)
        }
        guard CertificateKeyParameters.match(object, certificate.publicKey) else {
            return .skipped(.keyNotOfCertificate)
        }
        return .x509(certificate)
    }

    private static func shown(_ text: String) -> String {
        String(decoding: text.utf8.prefix(64), as: UTF8.self)
    }
}
