import JOSE

/// The rules of JWT-SVID and of RFC 9068 for a token whose ES256 signature is valid, written a second time.
struct ReferenceToken {
    /// 2026-01-01 00:00:00 UTC.
    private static let now = 1_767_225_600.0

    private let header: JSONObject
    private let claims: JSONObject

    init?(header: ArraySlice<UInt8>, claims: ArraySlice<UInt8>) {
        guard let header = try? JSON.parse(header, maxBytes: .max).object else { return nil }
        guard let claims = try? JSON.parse(claims, maxBytes: .max).object else { return nil }
        self.header = header
        self.claims = claims
    }

    /// Whose JWT-SVID it is (JWT-SVID §2 to §4); nil when it is none.
    func jwtSVID(audience: String, keyID: String, trustDomain: String) -> String? {
        guard self.hasHeader, [nil, "JWT", "JOSE"].contains(self.header["typ"]?.string) else { return nil }
        guard self.header["kid"].map({ $0.isString(keyID) }) ?? true else { return nil }
        guard let id = self.claims["sub"]?.string, Self.isID(id), Self.isID(id, in: trustDomain) else { return nil }
        let audiences: [JSONValue] =
            switch self.claims["aud"] {
            case .string(let one): [.string(one)]
            case .array(let all) where all.allSatisfy({ $0.string != nil }): all
            default: []
            }
        guard audiences.contains(.string(audience)) else { return nil }
        for name in ["exp", "nbf", "iat"] where self.claims[name] != nil {
            guard self.time(name) != nil else { return nil }
        }
        guard let end = self.time("exp"), Self.now < end, self.time("nbf") ?? 0 <= Self.now else { return nil }
        return id
    }

    /// Whose access token it is (RFC 9068 §2 and §4, RFC 8725 §3); nil when it is none.
    func accessToken(
        issuer: String, audience: String, keyID: String, peer: String, certificate: String
    ) -> String? {
        guard self.hasHeader, ["jku", "jwk", "x5u", "x5c"].allSatisfy({ self.header[$0] == nil }) else { return nil }
        guard ["at+jwt", "application/at+jwt"].contains(where: { self.header["typ"]?.isString($0) ?? false }),
            self.header["kid"]?.isString(keyID) ?? false
        else { return nil }
        guard self.claims["iss"]?.isString(issuer) ?? false, self.hasAudience(audience) else { return nil }
        guard let id = self.claims["sub"]?.string, Self.isID(id), id.utf8.elementsEqual(peer.utf8),
            self.claims["client_id"]?.isString(id) ?? false
        else { return nil }
        guard let tokenID = self.claims["jti"]?.string, (1...2_048).contains(tokenID.utf8.count) else { return nil }
        guard let issued = self.time("iat"), let end = self.time("exp"), self.mayBeNull("nbf") else { return nil }
        guard end > issued, end - issued <= 900, issued <= Self.now + 60 else { return nil }
        guard Self.now < end, self.time("nbf") ?? 0 <= Self.now else { return nil }
        guard self.hasScopes, self.isBound(to: certificate) else { return nil }
        return id
    }

    /// What every signed token has: the algorithm of the signature, no critical members, and texts where texts belong.
    private var hasHeader: Bool {
        let texts = ["kid", "typ"].compactMap { self.header[$0] }
        return (self.header["alg"]?.isString("ES256") ?? false) && self.header["crit"] == nil
            && texts.allSatisfy { $0.string != nil }
    }

    private func hasAudience(_ audience: String) -> Bool {
        guard let value = self.claims["aud"] else { return false }
        return value.isString(audience) || value == [.string(audience)]
    }

    /// Seconds since 1970 up to the end of the year 9999.
    private func time(_ name: String) -> Double? {
        guard case .number(let number) = self.claims[name], let seconds = Double(number.text) else { return nil }
        return seconds >= 0 && seconds <= 253_402_300_799 ? seconds : nil
    }

    private func mayBeNull(_ name: String) -> Bool {
        guard let value = self.claims[name], !value.isNull else { return true }
        return self.time(name) != nil
    }

    /// One string or one array, and where there are both, both the same.
    private var hasScopes: Bool {
        guard let grammar = try? ReferenceGrammar.scopes.get() else { return false }
        var sets: [Set<String>] = []
        if let scope = self.claims["scope"] {
            guard let text = scope.string, grammar.matches(Array(text.utf8)) else { return false }
            sets.append(Set(text.split(separator: " ").map(String.init)))
        }
        if let scopes = self.claims["scopes"] {
            guard let names = scopes.strings, names.count <= 64 else { return false }
            guard names.allSatisfy({ !$0.contains(" ") && !$0.isEmpty && grammar.matches(Array($0.utf8)) }) else {
                return false
            }
            sets.append(Set(names))
        }
        return Set(sets).count <= 1
    }

    /// Not bound at all, or bound to this certificate in the one way that is known (RFC 8705 §3.1).
    private func isBound(to certificate: String) -> Bool {
        guard let confirmation = self.claims["cnf"] else { return true }
        guard let members = confirmation.object?.members, members.count == 1 else { return false }
        return JSONValue.string(members[0].name).isString("x5t#S256") && members[0].value.isString(certificate)
    }

    private static func isID(_ text: String) -> Bool {
        (try? ReferenceGrammar.spiffeID.get())?.matches(Array(text.utf8)) ?? false
    }

    private static func isID(_ id: String, in trustDomain: String) -> Bool {
        let prefix = "spiffe://" + trustDomain
        return id.utf8.elementsEqual(prefix.utf8) || id.utf8.starts(with: (prefix + "/").utf8)
    }
}
