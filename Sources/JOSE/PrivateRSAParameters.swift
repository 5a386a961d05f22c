import CryptoExtras

/// The private members of an RSA JWK (RFC 7518 §6.3.2): all of them, as a key with two primes has them.
struct PrivateRSAParameters: Sendable {
    /// `d`, `p`, `q`, `dp`, `dq` and `qi`, in this order; secrets.
    let members: [(name: String, value: [UInt8])]

    init(_ object: JSONObject, exponent: [UInt8]) throws(JSONWebKeyError) {
        // More than two primes, which no library here can use.
        guard object["oth"] == nil else { throw .key(.unsupportedKeyType) }
        var members = [(name: "d", value: exponent)]
        for name in ["p", "q", "dp", "dq", "qi"] {
            members.append((name: name, value: try JSONWebKey.bytes(name, in: object)))
        }
        guard members.allSatisfy({ $0.value.count <= PublicKey.rsaModulusBits.upperBound / 8 }) else {
            throw .key(.malformed)
        }
        self.members = members
    }

    /// The key these and the public members make.
    func key(modulus: [UInt8], _ publicExponent: [UInt8]) throws(JSONWebKeyError) -> _RSA.Signing.PrivateKey {
        do {
            return try _RSA.Signing.PrivateKey(
                n: modulus, e: publicExponent, d: self.members[0].value, p: self.members[1].value,
                q: self.members[2].value)
        } catch {
            throw .key(.malformed)
        }
    }
}
