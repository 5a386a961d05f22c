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
    private let identity: Mutex<X509Identity>
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
        let state = authority.current
        self.identity = Mutex(
            X509Identity(
                svid: try Self.issue(by: state, lifetime: lifetime, now: instants.now()),
                bundles: TrustBundles([state.bundle])))
    }

    func current() throws -> X509Identity {
        self.identity.withLock { $0 }
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
            self.publish(svid: nil, bundle: state.bundle)
        }
    }

    private func renew() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            let svid = self.identity.withLock { $0.svid }
            try await self.instants.sleep(
                until: RotationSchedule.renewal(notBefore: svid.notBefore, notAfter: svid.notAfter, jitter: 0))
            let state = self.authority.current
            do {
                let next = try Self.issue(by: state, lifetime: self.lifetime, now: self.instants.now())
                self.publish(svid: next, bundle: state.bundle)
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

    /// Replaces the snapshot.
    ///
    /// A bundle older than the one in force is not taken.
    private func publish(svid: X509SVID?, bundle: TrustBundle) {
        self.identity.withLock { identity in
            let known = identity.bundles[bundle.trustDomain]
            let isOlder = (bundle.sequenceNumber ?? 0) < (known?.sequenceNumber ?? 0)
            identity = X509Identity(
                svid: svid ?? identity.svid, bundles: isOlder ? identity.bundles : TrustBundles([bundle]))
        }
    }

    private static func issue(by state: AuthorityState, lifetime: Duration, now: Date) throws -> X509SVID {
        let key = try KeyPair.generate(.ecP256)
        let issued = try state.issueServerSVID(publicKey: key.certificateKey.publicKey, ttl: lifetime, now: now)
        return try X509SVID(certificates: issued.chain, privateKeyPKCS8DER: key.pkcs8DER, hint: "")
    }
}
