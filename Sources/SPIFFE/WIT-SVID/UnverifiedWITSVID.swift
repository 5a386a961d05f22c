import JOSE

/// A token that has the form of a WIT-SVID; nothing in it can be relied on.
struct UnverifiedWITSVID {
    /// The only `typ` a WIT-SVID has (WIT-SVID §2.2).
    static let type = "wit+jwt"

    let jwt: UnverifiedJWT
    let keyID: String
    /// The trust domain whose keys the token claims to be signed with.
    let claimedTrustDomain: TrustDomain

    init(_ token: String) throws(WITSVIDError) {
        do { self.jwt = try UnverifiedJWT(parsing: token) } catch { throw .token(error) }
        guard let type = self.jwt.type else { throw .missingType }
        guard type.utf8.elementsEqual(Self.type.utf8) else { throw .unsupportedType(ShownText.prefix(type)) }
        guard let keyID = self.jwt.keyID, !keyID.isEmpty else { throw .missingKeyID }
        self.keyID = keyID
        guard let subject = self.jwt.untrustedSubject else { throw .missingSubject }
        do { self.claimedTrustDomain = try SPIFFEID(parsing: subject).trustDomain } catch {
            throw .invalidSubject(error)
        }
    }

    /// Checks the signature with the `wit-svid` key of the token's `kid` in the bundle of the token's own trust domain.
    func verify(with bundles: TrustBundles) throws(WITSVIDError) -> JSONObject {
        let trustDomain = self.claimedTrustDomain
        guard let bundle = bundles[trustDomain] else { throw .unknownTrustDomain(trustDomain) }
        guard !bundle.witAuthorities.isEmpty else { throw .noWITAuthorities(trustDomain) }
        guard let authority = bundle.witAuthority(keyID: self.keyID) else {
            throw .unknownKeyID(ShownText.prefix(self.keyID), trustDomain)
        }
        do { return try self.jwt.verify(with: authority.publicKey) } catch { throw .token(error) }
    }
}
