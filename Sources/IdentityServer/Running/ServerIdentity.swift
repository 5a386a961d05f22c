import Authority
import FoundationEssentials
import KeyManagement
import Logging
import Rotation
import SPIFFE
import Synchronization
import X509

/// The server's own X509-SVID, renewed at half its life, and the bundle its peers are judged by, as one snapshot.
///
/// A renewal that fails leaves the last good SVID in force and is tried again.
final class ServerIdentity: X509SVIDSource, Sendable {
    fileprivate struct State {
        var identity: X509Identity
        /// When the SVID is replaced: at half the life it had when it was issued.
        var renewAt: Date
        /// The authority that issued the SVID.
        var issuerID: String
    }

    private let state: Mutex<State>
    private let lifetime: Duration
    private let dnsNames: [String]
    private let authority: Watched<AuthorityState>
    private let instants: Instants
    private let logger: Logger

    /// Creates the identity with a first SVID.
    ///
    /// - Parameter dnsNames: By which clients without a trust bundle know the server.
    /// - Throws: When the authority cannot issue.
    init(
        lifetime: Duration, dnsNames: [String] = [], authority: Watched<AuthorityState>, instants: Instants,
        logger: Logger
    ) throws {
        self.lifetime = lifetime
        self.dnsNames = dnsNames
        self.authority = authority
        self.instants = instants
        self.logger = logger
        let issuer = authority.current
        let now = instants.now()
        let svid = try Self.issue(by: issuer, lifetime: lifetime, dnsNames: dnsNames, now: now)
        self.state = Mutex(
            State(
                identity: X509Identity(svid: svid, bundles: TrustBundles([issuer.bundle])),
                renewAt: Self.renewal(of: svid, issuedAt: now), issuerID: issuer.x509.id))
    }

    func current() throws -> X509Identity {
        self.state.withLock { $0.identity }
    }

    /// Renews the SVID and follows the bundle until the task is cancelled.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.followAuthority() }
            group.addTask { try await self.renew() }
            for try await _ in group {}
        }
    }

    /// Judges peers by each new bundle, and has an SVID of each new authority at once: those who trust the bundle trust
    /// both.
    private func followAuthority() async {
        for await issuer in self.authority.updates() {
            let isOfAnother = self.state.withLock { state in
                state.take(issuer.bundle)
                return state.issuerID != issuer.x509.id
            }
            if isOfAnother { _ = self.renewed(by: issuer) }
        }
    }

    private func renew() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            try await self.waitUntilDue()
            if self.renewed(by: self.authority.current) {
                backoff.reset()
            } else {
                try await self.instants.sleep(for: backoff.next(using: &generator))
            }
        }
    }

    /// Replaces the SVID; false where it could not be.
    private func renewed(by issuer: AuthorityState) -> Bool {
        do {
            let now = self.instants.now()
            let next = try Self.issue(by: issuer, lifetime: self.lifetime, dnsNames: self.dnsNames, now: now)
            self.state.withLock { state in
                state.identity = X509Identity(svid: next, bundles: state.identity.bundles)
                state.renewAt = Self.renewal(of: next, issuedAt: now)
                state.issuerID = issuer.x509.id
                state.take(issuer.bundle)
            }
            self.logger.info(
                "server X509-SVID renewed",
                metadata: [
                    LogKey.authorityID: "\(issuer.x509.id)",
                    LogKey.expiresAt: "\(next.notAfter.secondsSinceEpoch)",
                ])
            return true
        } catch {
            self.logger.error(
                "server X509-SVID not renewed, the last one stays in force", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }

    /// Returns at half the life of the SVID; sooner where its authority signs no more, or the clock was set back behind
    /// its beginning.
    private func waitUntilDue() async throws {
        while true {
            let state = self.state.withLock { $0 }
            let now = self.instants.now()
            guard now < state.renewAt, now >= state.identity.svid.notBefore,
                state.issuerID == self.authority.current.x509.id
            else { return }
            let remaining = Duration.seconds(state.renewAt.timeIntervalSince(now))
            try await self.instants.sleep(for: min(remaining, RotationLoop.longestPause))
        }
    }

    private static func renewal(of svid: X509SVID, issuedAt: Date) -> Date {
        RotationSchedule.renewal(issuedAt: issuedAt, notBefore: svid.notBefore, notAfter: svid.notAfter, jitter: 0)
    }

    private static func issue(
        by state: AuthorityState, lifetime: Duration, dnsNames: [String], now: Date
    ) throws -> X509SVID {
        let key = try KeyPair.generate(.ecP256)
        let issued = try state.issueServerSVID(
            publicKey: key.certificateKey.publicKey, dnsNames: dnsNames, ttl: lifetime, now: now)
        return try X509SVID(certificatesDER: issued.chainDER.flatMap { $0 }, privateKeyPKCS8DER: key.pkcs8DER, hint: "")
    }
}

extension ServerIdentity.State {
    /// Judges peers by a bundle from now on; not by one that is older than the one in force.
    fileprivate mutating func take(_ bundle: TrustBundle) {
        let known = self.identity.bundles[bundle.trustDomain]
        guard (bundle.sequenceNumber ?? 0) >= (known?.sequenceNumber ?? 0) else { return }
        self.identity = X509Identity(svid: self.identity.svid, bundles: TrustBundles([bundle]))
    }
}
