import Authority
import Crypto
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
public import SPIFFE
import X509

/// The authority of a trust domain of a test's own: it issues as the control plane does, with keys in memory.
///
/// A second one of the same name is a stranger that nobody who trusts the first believes.
public struct TestCA: Sendable {
    /// How long its authorities live: longer than a test moves its time.
    static let lifetime: Duration = .seconds(10 * 365 * 86_400)

    public let trustDomain: TrustDomain
    /// The time at which it issues.
    public let time: ManualTime
    private let authorities: AuthorityState

    /// Makes new keys.
    ///
    /// - Parameters:
    ///   - trustDomain: Its name, `example.org`.
    ///   - time: The time at which it issues. Default: the present, which stands still.
    /// - Throws: `SPIFFEIDError` for a name that is none.
    public init(trustDomain: String, time: ManualTime = ManualTime()) async throws {
        let trustDomain = try TrustDomain(parsing: trustDomain)
        self.trustDomain = trustDomain
        self.time = time
        self.authorities = try await AuthorityRotation.start(
            configuration: AuthorityConfiguration(
                trustDomain: trustDomain, witKeyType: .ecP256, caTTL: Self.lifetime),
            keyManager: MemoryKeyManager(), journal: ForgetfulJournal(), now: time.now
        ).state.current
    }

    /// The bundle to believe it by.
    public var bundle: TrustBundle { self.authorities.bundle }

    /// A SPIFFE ID of this trust domain.
    ///
    /// - Parameter path: With a leading slash.
    public func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: self.trustDomain, path: path)
    }

    /// Issues an X509-SVID with a new key.
    ///
    /// - Parameters:
    ///   - path: That of its SPIFFE ID.
    ///   - lifetime: From now; a second or more. Default: an hour.
    ///   - hint: What it is for. Default: nothing.
    public func x509SVID(_ path: String, lifetime: Duration = .seconds(3_600), hint: String = "") throws -> X509SVID {
        let key = P256.Signing.PrivateKey()
        let issued = try self.authorities.issueX509SVID(
            id: self.id(path), publicKey: Certificate.PublicKey(key.publicKey), ttl: lifetime, now: self.time.now)
        return try X509SVID(
            certificatesDER: issued.chainDER.flatMap { $0 }, privateKeyPKCS8DER: Array(key.derRepresentation),
            hint: hint)
    }

    /// An X509-SVID with the bundles to judge peers by: this one's own, and others when given.
    ///
    /// Parameters are those of ``x509SVID(_:lifetime:hint:)``.
    public func x509Identity(
        _ path: String, lifetime: Duration = .seconds(3_600), federated: [TrustBundle] = []
    ) throws -> X509Identity {
        X509Identity(
            svid: try self.x509SVID(path, lifetime: lifetime), bundles: TrustBundles(federated + [self.bundle]))
    }

    /// Issues a JWT-SVID and returns the token.
    ///
    /// - Parameters:
    ///   - path: That of its SPIFFE ID.
    ///   - audience: One or more.
    ///   - lifetime: From now; a second or more. Default: five minutes.
    public func jwtSVID(_ path: String, audience: [String], lifetime: Duration = .seconds(300)) throws -> String {
        try self.authorities.issueJWTSVID(
            id: self.id(path), audience: audience, ttl: lifetime, now: self.time.now
        ).token
    }

    /// Issues a WIT-SVID for a new key.
    ///
    /// Parameters are those of ``x509SVID(_:lifetime:hint:)``.
    public func witSVID(_ path: String, lifetime: Duration = .seconds(3_600), hint: String = "") throws -> WITSVID {
        let key = PrivateJSONWebKey(P256.Signing.PrivateKey())
        guard let confirmation = WITConfirmation(publicKey: key.publicKey, algorithm: .es256) else {
            throw WITSVIDError.unsupportedConfirmationKey
        }
        let issued = try self.authorities.issueWITSVID(
            id: self.id(path), confirmation: confirmation, ttl: lifetime, now: self.time.now)
        return try WITSVID(
            receivedFromWorkloadAPI: issued.token,
            privateKeyJWK: String(decoding: JSON.serialize(.object(key.object())), as: UTF8.self), hint: hint)
    }
}

/// Keeps nothing: the authorities of a test end with it.
private struct ForgetfulJournal: AuthorityJournal {
    func load() async throws -> AuthorityRecords { AuthorityRecords() }
    func save(_ records: AuthorityRecords, now: Date) async throws {}
}
