/// A token in JWS compact serialization whose signature has not been checked.
///
/// Its claims can be had only by ``verify(with:)``. The algorithm is judged before anything else in the token; header
/// members that bring or point to keys (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
public struct UnverifiedJWT: Sendable {
    /// The longest token that is looked at, in bytes.
    public static let maxTokenBytes = 16_384
    private static let longestTextInError = 64
    /// Header members that bring keys, or say where to get them (RFC 7515 §4.1.2 to §4.1.6).
    private static let keyMembers = ["jku", "jwk", "x5u", "x5c"]

    public let algorithm: SignatureAlgorithm
    /// The `kid` of the header, if it has one.
    public let keyID: String?
    /// The `typ` of the header, if it has one; which types are right is for the kind of token to say.
    public let type: String?
    /// The first header member that brings a key or points to one, if there is any.
    ///
    /// None is ever looked at; a kind of token that has no such members can be refused for it (RFC 8725 §3.10).
    public let keyInHeader: String?

    private let signingInput: [UInt8]
    private let signature: [UInt8]
    private let claims: JSONObject

    /// Takes a token apart.
    ///
    /// - Parameters:
    ///   - token: In compact serialization.
    ///   - algorithms: Those that the kind of token may have. Default: those of SVIDs.
    /// - Throws: ``JWTError``; what is wrong with `alg` comes before what is wrong elsewhere.
    public init(
        parsing token: String, algorithms: [SignatureAlgorithm] = SignatureAlgorithm.svidAlgorithms
    ) throws(JWTError) {
        let bytes = token.utf8
        guard bytes.count <= Self.maxTokenBytes else { throw .tooLong(maxBytes: Self.maxTokenBytes) }
        let parts = Array(bytes).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count >= 2 else { throw .notCompact }

        let header = try Self.header(parts[0])
        self.algorithm = try Self.algorithm(of: header, algorithms)
        guard parts.count == 3 else { throw .notCompact }
        guard header["crit"] == nil else { throw .criticalHeader }
        self.keyID = try Self.string("kid", in: header)
        self.type = try Self.string("typ", in: header)
        self.keyInHeader = Self.keyMembers.first { header[$0] != nil }

        self.claims = try Self.claims(parts[1])
        guard let signature = try? Base64URL.decode(parts[2]), !signature.isEmpty else { throw .malformedSignature }
        self.signature = signature
        self.signingInput = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
    }

    /// Checks the signature and returns the claims.
    ///
    /// The claims are only what the holder of the key wrote: times, audience and subject are still to be judged.
    ///
    /// - Throws: `.algorithmDoesNotMatchKey` or `.invalidSignature`.
    public func verify(with key: PublicKey) throws(JWTError) -> JSONObject {
        guard key.supportedAlgorithms.contains(self.algorithm) else {
            throw .algorithmDoesNotMatchKey(self.algorithm)
        }
        guard key.isValidSignature(self.signature, for: self.signingInput, algorithm: self.algorithm) else {
            throw .invalidSignature
        }
        return self.claims
    }

    /// What the token says its `sub` is, to choose the trust domain whose keys it is verified with; never for
    /// anything else.
    public var untrustedSubject: String? {
        self.claims["sub"]?.string
    }

    private static func header(_ part: ArraySlice<UInt8>) throws(JWTError) -> JSONObject {
        let bytes: [UInt8]
        do { bytes = try Base64URL.decode(part) } catch { throw .headerEncoding(error) }
        let value: JSONValue
        do { value = try JSON.parse(bytes, maxBytes: self.maxTokenBytes) } catch { throw .malformedHeader(error) }
        guard let header = value.object else { throw .headerNotObject }
        return header
    }

    private static func algorithm(
        of header: JSONObject, _ algorithms: [SignatureAlgorithm]
    ) throws(JWTError) -> SignatureAlgorithm {
        guard let name = header["alg"]?.string else { throw .missingAlgorithm }
        guard let algorithm = SignatureAlgorithm(rawValue: name), algorithms.contains(algorithm) else {
            throw .unsupportedAlgorithm(String(decoding: name.utf8.prefix(self.longestTextInError), as: UTF8.self))
        }
        return algorithm
    }

    private static func claims(_ part: ArraySlice<UInt8>) throws(JWTError) -> JSONObject {
        let bytes: [UInt8]
        do { bytes = try Base64URL.decode(part) } catch { throw .payloadEncoding(error) }
        let value: JSONValue
        do { value = try JSON.parse(bytes, maxBytes: self.maxTokenBytes) } catch { throw .malformedPayload(error) }
        guard let claims = value.object else { throw .payloadNotObject }
        return claims
    }

    private static func string(_ name: String, in header: JSONObject) throws(JWTError) -> String? {
        guard let value = header[name] else { return nil }
        guard let string = value.string else { throw .headerMemberType(name) }
        return string
    }
}

// A token is a bearer credential.
extension UnverifiedJWT: CustomStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
