import AccessGrants
import AccessTokens
import Authority
import FoundationEssentials
import Registration
import Rotation
import SPIFFE

/// A token as it leaves the server, and what it says.
struct IssuedAccessToken: Sendable {
    let token: String
    let content: AccessTokenContent
    let keyID: String
    let grantIDs: [String]
}

/// Why a caller gets no token.
enum TokenRefusal: Error, Hashable {
    case grant(GrantRefusal)
    /// The service demands certificate binding, and no certificate is known.
    case certificateMissing
    /// What is issued to the caller now is revoked.
    case revoked
    /// What was issued to the caller is being revoked at this moment: soon it is, or is not.
    case beingRevoked
    case notSigned
    /// The client's library is this one, of this version or one that cannot be read, and `minimum` is demanded.
    case libraryTooOld(LibraryVersion?, minimum: LibraryVersion)
}

extension TokenRefusal {
    /// A stable word for audit records and metrics.
    var label: String {
        switch self {
        case .grant(let refusal): refusal.label
        case .certificateMissing: "certificate_missing"
        case .revoked: "revoked"
        case .beingRevoked: "being_revoked"
        case .notSigned: "not_signed"
        case .libraryTooOld: "library_too_old"
        }
    }

    /// What an operator has to do, where the reason alone does not say it.
    var remedy: String? {
        guard case .libraryTooOld(_, let minimum) = self else { return nil }
        return "build the service with \(ReportedLibrary.name) \(minimum) or newer, and start it again"
    }
}

extension TokenRefusal: CustomStringConvertible {
    var description: String {
        switch self {
        case .grant(let refusal): "\(refusal)"
        case .certificateMissing: "the service demands that its tokens name the caller's certificate"
        case .revoked: "what is issued to the caller is revoked"
        case .beingRevoked: "what was issued to the caller is being revoked: try again"
        case .notSigned: "the token could not be signed"
        case .libraryTooOld(let version, _):
            "the library \(ReportedLibrary.signet(version).report ?? ReportedLibrary.name) is too old for tokens: "
                + (self.remedy ?? "")
        }
    }
}

/// Issues access tokens: by the grants, with the signing key in force.
struct AccessTokenIssuance: Sendable {
    let issuer: IssuerURL
    /// How long tokens live where no grant says so.
    let lifetime: Duration
    /// The oldest version of the library of services that gets tokens; nil gives them to all.
    let minimumLibraryVersion: LibraryVersion?
    let keys: TokenKeyRotation
    let registry: Registry
    let feed: TokenFeed
    /// Signalled when a token finds no key to sign with: the one in force has expired, or is revoked.
    let noKeySigns = WakeUp()

    /// Issues a token, or says why not.
    ///
    /// - Parameters:
    ///   - audience: The audience URI or the name of a service.
    ///   - scopes: Nil asks for everything that is granted.
    ///   - certificateSHA256: Of the certificate that the caller presents; used where the service demands it.
    ///   - library: By which the caller asks, as it says.
    func issue(
        to caller: SPIFFEID, audience: String, scopes: ScopeSet?, certificateSHA256: [UInt8]?,
        library: ReportedLibrary, now: Date
    ) throws(TokenRefusal) -> IssuedAccessToken {
        guard !self.feed.isPending(.subject(caller)) else { throw .beingRevoked }
        guard !self.feed.isRevoked(caller, issuedAt: now) else { throw .revoked }
        if let minimum = self.minimumLibraryVersion, case .signet(let version) = library,
            version.map({ $0 < minimum }) ?? true
        {
            throw .libraryTooOld(version, minimum: minimum)
        }
        let decision: GrantDecision
        do {
            decision = try self.registry.access.decide(
                caller: caller, audience: audience, scopes: scopes, lifetime: self.lifetime, now: now)
        } catch {
            throw .grant(error)
        }
        var bound: [UInt8]?
        if decision.service.binding == .certificate {
            guard let certificateSHA256 else { throw .certificateMissing }
            bound = certificateSHA256
        }
        let signer = self.keys.state.current.signer
        let left = signer.expiresAt.secondsSinceEpoch - now.secondsSinceEpoch
        guard left > 0, self.feed.revocation(of: .key(signer.keyID)) == nil else {
            self.noKeySigns.signal()
            throw .notSigned
        }
        let content = AccessTokenContent(
            issuer: self.issuer.text, subject: caller, audience: decision.service.audience, scopes: decision.scopes,
            lifetime: min(decision.lifetime, .seconds(left)), certificateSHA256: bound, now: now)
        do {
            let token = try content.signed(
                keyID: signer.keyID, algorithm: signer.algorithm, signer.sign)
            return IssuedAccessToken(
                token: token, content: content, keyID: signer.keyID, grantIDs: decision.grantIDs)
        } catch {
            throw .notSigned
        }
    }
}
