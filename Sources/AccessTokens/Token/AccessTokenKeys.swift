public import JOSE

/// The signing keys of an issuer of access tokens, by `kid`: what its JWK Set holds for signatures.
public struct AccessTokenKeys: Hashable, Sendable {
    /// The longest JWK Set that is read, in bytes.
    public static let maxBytes = 65_536
    /// The most entries of a JWK Set.
    public static let maxEntries = 64
    /// The longest `kid`, in bytes.
    public static let maxKeyIDBytes = 256

    private let keys: [String: PublicKey]

    /// Reads a JWK Set (RFC 7517 §5).
    ///
    /// Only entries with `use` `sig` and a `kid` are taken: the keys of a trust bundle, whose uses are those of SPIFFE,
    /// never verify an access token. Entries of unknown key types are left out.
    ///
    /// - Throws: ``AccessTokenKeysError`` when the set is faulty as a whole; what was known before then stays in force.
    public init(parsing document: [UInt8]) throws(AccessTokenKeysError) {
        let value: JSONValue
        do { value = try JSON.parse(document, maxBytes: Self.maxBytes) } catch { throw .malformedJSON(error) }
        guard let entries = value.object?["keys"]?.array else { throw .keysMissing }
        guard entries.count <= Self.maxEntries else { throw .tooManyEntries(max: Self.maxEntries) }
        var keys: [String: PublicKey] = [:]
        for (index, entry) in entries.enumerated() {
            guard let object = entry.object else { throw .malformedEntry(index: index) }
            let key: JSONWebKey
            do { key = try JSONWebKey(object, allowsEd25519: true) } catch { throw .malformedEntry(index: index) }
            guard !key.hasPrivateMembers else { throw .privateKey(index: index) }
            guard key.use == "sig", let publicKey = key.publicKey else { continue }
            guard let keyID = key.keyID, (1...Self.maxKeyIDBytes).contains(keyID.utf8.count) else { continue }
            guard keys.updateValue(publicKey, forKey: keyID) == nil else { throw .duplicateKeyID(index: index) }
        }
        self.keys = keys
    }

    /// No keys.
    public static let none = AccessTokenKeys([:])

    /// Takes keys by their `kid`.
    package init(_ keys: [String: PublicKey]) {
        self.keys = keys
    }

    /// The key of a `kid`.
    public subscript(keyID: String) -> PublicKey? { self.keys[keyID] }

    /// The `kid`s, sorted.
    public var keyIDs: [String] { self.keys.keys.sorted() }

    public var isEmpty: Bool { self.keys.isEmpty }
}

/// Why a JWK Set is not taken as the keys of an issuer.
@nonexhaustive
public enum AccessTokenKeysError: Error, Hashable {
    /// The document is too long, or no JSON.
    case malformedJSON(JSONError)
    /// The document is no object with an array `keys` (RFC 7517 §5).
    case keysMissing
    /// There are too many entries.
    case tooManyEntries(max: Int)
    /// An entry is no JWK, or its key is faulty.
    case malformedEntry(index: Int)
    /// An entry has private or symmetric key material: someone should be told.
    case privateKey(index: Int)
    /// A `kid` comes again.
    case duplicateKeyID(index: Int)
}
