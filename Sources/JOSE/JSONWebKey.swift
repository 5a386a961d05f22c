/// One JWK (RFC 7517 §4), as far as trust bundles need it.
///
/// An unknown key type or curve is no error: ``publicKey`` is then nil and the entry can be skipped. Members beyond
/// those named here are neither kept nor written.
public struct JSONWebKey: Sendable, Hashable {
    /// The `kty`; nil when the entry has none.
    public let kty: String?
    public let use: String?
    public let keyID: String?
    /// The certificates as they were written, up to one that is no string: base64 of DER, not looked at here.
    public let x5c: [String]?
    /// The key; nil when `kty` or `crv` is unknown or missing.
    public let publicKey: PublicKey?
    /// Whether the entry holds private or symmetric key material, which has no place in a bundle.
    public let hasPrivateMembers: Bool

    /// Members of RFC 7518 §6.2.2, §6.3.2 and §6.4.1 that must stay secret.
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    /// Reads an entry of a JWK Set.
    ///
    /// - Throws: ``JSONWebKeyError`` when a member has the wrong type, or the key is of a known type and faulty.
    public init(_ object: JSONObject) throws(JSONWebKeyError) {
        try self.init(object, allowsEd25519: false)
    }

    /// Reads an entry of a JWK Set whose keys may be Ed25519 (RFC 8037 §2), where `allowsEd25519` is true.
    package init(_ object: JSONObject, allowsEd25519: Bool) throws(JSONWebKeyError) {
        self.kty = try Self.string("kty", in: object)
        self.use = try Self.string("use", in: object)
        self.keyID = try Self.string("kid", in: object)
        if let certificates = object["x5c"] {
            guard let values = certificates.array else { throw .memberType("x5c") }
            let strings = values.prefix { $0.string != nil }
            // The first is what counts (X509-SVID §6.2).
            guard values.isEmpty || !strings.isEmpty else { throw .memberType("x5c") }
            self.x5c = strings.compactMap(\.string)
        } else {
            self.x5c = nil
        }
        self.hasPrivateMembers = Self.privateMembers.contains { object[$0] != nil }
        self.publicKey =
            switch self.kty {
            case "EC": try Self.ecKey(object)
            case "RSA": try Self.rsaKey(object)
            case "OKP" where allowsEd25519: try Self.ed25519Key(object)
            default: nil
            }
    }

    /// Creates an entry to publish.
    public init(publicKey: PublicKey, use: String? = nil, keyID: String? = nil, x5c: [String]? = nil) {
        self.kty = publicKey.jwkKeyType
        self.use = use
        self.keyID = keyID
        self.x5c = x5c
        self.publicKey = publicKey
        self.hasPrivateMembers = false
    }

    /// The entry as JSON: `kty`, the members of the public key, `use`, `kid` and `x5c`, in this order and nothing else.
    public func object() -> JSONObject {
        var object = JSONObject()
        object["kty"] = self.kty.map(JSONValue.string)
        for (name, value) in self.publicKey?.jwkParameters ?? [] { object[name] = .string(value) }
        object["use"] = self.use.map(JSONValue.string)
        object["kid"] = self.keyID.map(JSONValue.string)
        object["x5c"] = self.x5c.map { .array($0.map(JSONValue.string)) }
        return object
    }

    private static func ecKey(_ object: JSONObject) throws(JSONWebKeyError) -> PublicKey? {
        guard let curve = try self.string("crv", in: object) else { throw .missingMember("crv") }
        guard ["P-256", "P-384", "P-521"].contains(curve) else { return nil }
        let x = try self.bytes("x", in: object)
        let y = try self.bytes("y", in: object)
        do { return try PublicKey(curve: curve, x: x, y: y) } catch { throw .key(error) }
    }

    private static func ed25519Key(_ object: JSONObject) throws(JSONWebKeyError) -> PublicKey? {
        guard let curve = try self.string("crv", in: object) else { throw .missingMember("crv") }
        guard curve == "Ed25519" else { return nil }
        let x = try self.bytes("x", in: object)
        do { return try PublicKey(ed25519: x) } catch { throw .key(error) }
    }

    private static func rsaKey(_ object: JSONObject) throws(JSONWebKeyError) -> PublicKey {
        let modulus = try self.bytes("n", in: object)
        let exponent = try self.bytes("e", in: object)
        do { return try PublicKey(modulus: modulus, exponent: exponent) } catch { throw .key(error) }
    }

    private static func string(_ name: String, in object: JSONObject) throws(JSONWebKeyError) -> String? {
        guard let value = object[name] else { return nil }
        guard let string = value.string else { throw .memberType(name) }
        return string
    }

    /// The bytes of a member that is base64url.
    static func bytes(_ name: String, in object: JSONObject) throws(JSONWebKeyError) -> [UInt8] {
        guard let text = try self.string(name, in: object) else { throw .missingMember(name) }
        do { return try Base64URL.decode(text) } catch { throw .memberEncoding(name, error) }
    }
}
