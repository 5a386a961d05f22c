/// Making tokens in JWS compact serialization (RFC 7515 §7.1).
package enum JWSSigning {
    /// Signs `claims` with a key that may be outside of this process.
    ///
    /// `header` is the whole header, `alg` included, and is written as it is. `sign` returns the signature in JOSE's
    /// form for that `alg`: for ES*, `r || s` of fixed length. What it throws is passed on.
    package static func compact(
        header: JSONObject, claims: JSONObject, sign: (_ signingInput: [UInt8]) async throws -> [UInt8]
    ) async throws -> String {
        let signingInput = self.signingInput(header: header, claims: claims)
        return self.compact(signingInput: signingInput, signature: try await sign(signingInput))
    }

    /// Signs `claims` with a key in this process; otherwise as ``compact(header:claims:sign:)``.
    package static func compactSynchronously<Failure: Error>(
        header: JSONObject, claims: JSONObject,
        sign: (_ signingInput: [UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> String {
        let signingInput = self.signingInput(header: header, claims: claims)
        return self.compact(signingInput: signingInput, signature: try sign(signingInput))
    }

    private static func signingInput(header: JSONObject, claims: JSONObject) -> [UInt8] {
        let parts = [header, claims].map { Base64URL.encode(JSON.serialize(.object($0))) }
        return Array(parts.joined(separator: ".").utf8)
    }

    private static func compact(signingInput: [UInt8], signature: [UInt8]) -> String {
        String(decoding: signingInput, as: UTF8.self) + "." + Base64URL.encode(signature)
    }
}
