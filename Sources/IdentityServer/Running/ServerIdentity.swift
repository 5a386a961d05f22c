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
    }

    private let state: Mutex<State>
    private let lifetime: Duration
    private let authority: Watched<AuthorityState>
    private let instants: Instants
    private let logger: Logger

    /// Creates the identity with a first SVID.
    ///
    /// - Throws: When the authority cannot issue.
    init(
        lifetime: Duration, authority: Watched<AuthorityState>, instants: Instants, logger: Logger
    ) throws {
        self.lifetime = lifetime
        self.authority = authority
        self.instants = instants
        self.logger = logger
        let issuer = authority.current
        let now = instants.now()
        let svid = try Self.issue(by: issuer, lifetime: lifetime, now: now)
        self.state = Mutex(
            State(
                identity: X509Identity(svid: svid, bundles: TrustBundles([issuer.bundle])),
                renewAt: Self.renewal(of: svid, issuedAt: now)))
    }

    func current() throws -> X509Identity {
        self.state.withLock { $0.identity }
    }

    /// Renews the SVID and follows the bundle until the task is cancelled.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.followBundle() }
            group.addTask { try await self.renew() }
            for try await _ in group {}
        }
    }

    private func followBundle() async {
        for await state in self.authority.updates() {
            self.state.withLock { $0.take(state.bundle) }
        }
    }

    private func renew() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            try await self.instants.sleep(until: self.state.withLock { $0.renewAt })
            let issuer = self.authority.current
            do {
                let now = self.instants.now()
                let next = try Self.issue(by: issuer, lifetime: self.lifetime, now: now)
                self.state.withLock { state in
                    state.identity = X509Identity(svid: next, bundles: state.identity.bundles)
                    state.renewAt = Self.renewal(of: next, issuedAt: now)
                    state.take(issuer.bundle)
                }
                backoff.reset()
                self.logger.info(
                    "server X509-SVID renewed",
                    metadata: [LogKey.expiresAt: "\(next.notAfter.secondsSinceEpoch)"])
            } catch {
                self.logger.error(
                    "server X509-SVID not renewed, the last one stays in force",
                    metadata: [LogKey.error: "\(error)"])
                try await self.instants.sleep(for: backoff.next(using: &generator))
            }
        }
    }

    private static func renewal(of svid: X509SVID, issuedAt: Date) -> Date {
        RotationSchedule.renewal(issuedAt: issuedAt, notBefore: svid.notBefore, notAfter: svid.notAfter, jitter: 0)
    }

    private static func issue(by state: AuthorityState, lifetime: Duration, now: Date) throws -> X509SVID {
        let key = try KeyPair.generate(.ecP256)
        let issued = try state.issueServerSVID(publicKey: key.certificateKey.publicKey, ttl: lifetime, now: now)
        return try X509SVID(certificates: issued.chain, privateKeyPKCS8DER: key.pkcs8DER, hint: "")
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
