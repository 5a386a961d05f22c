import JOSE

/// A token that has the form of a JWT-SVID; nothing in it can be relied on.
struct UnverifiedJWTSVID {
    let jwt: UnverifiedJWT
    /// The trust domain whose keys the token claims to be signed with.
    let claimedTrustDomain: TrustDomain

    init(_ token: String) throws(JWTSVIDError) {
        do { self.jwt = try UnverifiedJWT(parsing: token) } catch { throw .token(error) }
        if let type = self.jwt.type, !["JWT", "JOSE"].contains(where: { $0.utf8.elementsEqual(type.utf8) }) {
            throw .unsupportedType(Self.shown(type))
        }
        guard let subject = self.jwt.untrustedSubject else { throw .missingSubject }
        do { self.claimedTrustDomain = try SPIFFEID(parsing: subject).trustDomain } catch {
            throw .invalidSubject(error)
        }
    }

    /// Checks the signature with the key of the token's `kid`, or, since `kid` may be left out (JWT-SVID §2.2), with all
    /// keys of the token's algorithm; only keys of the token's own trust domain count.
    ///
    /// - Returns: The claims, and the authority whose key signed them.
    func verify(with bundles: TrustBundles) throws(JWTSVIDError) -> (claims: JSONObject, authority: JWTAuthority) {
        let trustDomain = self.claimedTrustDomain
        guard let bundle = bundles[trustDomain] else { throw .unknownTrustDomain(trustDomain) }
        guard !bundle.jwtAuthorities.isEmpty else { throw .noJWTAuthorities(trustDomain) }
        if let keyID = self.jwt.keyID {
            guard let authority = bundle.jwtAuthority(keyID: keyID) else {
                throw .unknownKeyID(Self.shown(keyID), trustDomain)
            }
            do { return (try self.jwt.verify(with: authority.publicKey), authority) } catch { throw .token(error) }
        }
        let candidates = bundle.jwtAuthorities.lazy
            .filter { $0.publicKey.supportedAlgorithms.contains(self.jwt.algorithm) }
            .prefix(JWTSVID.maxAuthoritiesTried)
        for authority in candidates {
            if let claims = try? self.jwt.verify(with: authority.publicKey) { return (claims, authority) }
        }
        throw .noMatchingAuthority(trustDomain)
    }

    private static func shown(_ text: String) -> String {
        String(decoding: text.utf8.prefix(64), as: UTF8.self)
    }
}
