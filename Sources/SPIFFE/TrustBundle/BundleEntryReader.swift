import JOSE
import SwiftASN1
import X509

/// Sorts the entries of a bundle's `keys` into authorities and what is skipped.
struct BundleEntryReader {
    private(set) var x509Authorities: [Certificate] = []
    private(set) var jwtAuthorities: [JWTAuthority] = []
    private(set) var witAuthorities: [WITAuthority] = []
    private(set) var skipped: [SkippedBundleEntry] = []

    private let acceptedUses: [String]
    private let defaultUse: String?
    /// The `kid`s that were read, by their `use`.
    private var keyIDs: [String: Set<[UInt8]>] = [:]
    private var places: [Place] = []

    /// A key of a `kid`, and where in `keys` it was.
    private struct Place {
        let keyID: [UInt8]
        let index: Int
    }

    private enum Entry {
        case x509(Certificate)
        case jwt(JWTAuthority)
        case wit(WITAuthority)
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
            case .jwt(let authority):
                self.jwtAuthorities.append(authority)
                self.places.append(Place(keyID: Array(authority.keyID.utf8), index: index))
            case .wit(let authority):
                self.witAuthorities.append(authority)
                self.places.append(Place(keyID: Array(authority.keyID.utf8), index: index))
            case .skipped(let reason): self.skipped.append(SkippedBundleEntry(index: index, reason: reason))
            }
        }
        self.dropSharedKeyIDs()
    }

    /// Takes out the keys whose `kid` is that of a key of the other kind, too, since it must be unique in the whole bundle.
    private mutating func dropSharedKeyIDs() {
        let shared = BundleKeyIDs.shared(self.jwtAuthorities, self.witAuthorities)
        guard !shared.isEmpty else { return }
        let isShared = { (keyID: String) in shared.contains(Array(keyID.utf8)) }
        self.jwtAuthorities.removeAll { isShared($0.keyID) }
        self.witAuthorities.removeAll { isShared($0.keyID) }
        for place in self.places where shared.contains(place.keyID) {
            let keyID = Self.shown(String(decoding: place.keyID, as: UTF8.self))
            self.skipped.append(SkippedBundleEntry(index: place.index, reason: .sharedKeyID(keyID)))
        }
        self.skipped.sort { $0.index < $1.index }
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
        return self.token(use: use, keyID: key.keyID, publicKey)
    }

    /// An entry of a key that signs tokens.
    private mutating func token(use: String, keyID: String?, _ publicKey: PublicKey) -> Entry {
        guard let keyID else { return .skipped(.missingKeyID) }
        let entry: Entry? =
            use == TrustBundle.witUse
            ? WITAuthority(keyID: keyID, publicKey: publicKey).map(Entry.wit)
            : JWTAuthority(keyID: keyID, publicKey: publicKey).map(Entry.jwt)
        guard let entry else { return .skipped(.missingKeyID) }
        guard self.keyIDs[use, default: []].insert(Array(keyID.utf8)).inserted else {
            return .skipped(.duplicateKeyID(Self.shown(keyID)))
        }
        return entry
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
