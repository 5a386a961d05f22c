import FoundationEssentials
import SPIFFE
import Synchronization
import TestSupport

/// An identity that the test replaces.
final class RotatingSource: X509SVIDSource {
    private let identity: Mutex<X509Identity>

    init(_ identity: X509Identity) {
        self.identity = Mutex(identity)
    }

    func current() throws -> X509Identity { self.identity.withLock { $0 } }

    func rotate(to identity: X509Identity) { self.identity.withLock { $0 = identity } }
}

/// A source that never has anything.
struct NoIdentity: X509SVIDSource {
    struct Missing: Error {}

    func current() throws -> X509Identity { throw Missing() }
}

/// A source that tells when it is asked, and how many times it was.
final class AskedSource: X509SVIDSource {
    let questions: AsyncStream<Int>
    private let source: any X509SVIDSource
    private let count = Mutex(0)
    private let continuation: AsyncStream<Int>.Continuation

    init(_ source: any X509SVIDSource) {
        self.source = source
        (self.questions, self.continuation) = AsyncStream.makeStream()
    }

    /// How many times it was asked.
    var asked: Int { self.count.withLock { $0 } }

    func current() throws -> X509Identity {
        self.continuation.yield(
            self.count.withLock {
                $0 += 1
                return $0
            })
        return try self.source.current()
    }
}

/// Two services of one trust domain, and one that is not of it.
struct Fixture: Sendable {
    static let payments = id("spiffe://example.org/payments")
    static let orders = id("spiffe://example.org/orders")

    let authority: TestAuthority
    let payments: RotatingSource
    let orders: RotatingSource
    let impostor: RotatingSource

    init() throws {
        // The adapters judge by the clock of this machine.
        self.authority = try TestAuthority(trustDomain: "example.org", now: Date())
        self.payments = RotatingSource(try self.authority.x509Identity(id: Self.payments.uri))
        self.orders = RotatingSource(try self.authority.x509Identity(id: Self.orders.uri))
        let stranger = try TestAuthority(trustDomain: "example.org", now: Date())
        self.impostor = RotatingSource(
            X509Identity(
                svid: try stranger.x509SVID(id: Self.orders.uri), bundles: TrustBundles([self.authority.bundle])))
    }

    /// Gives a service an SVID that TLS cannot use.
    func spoil(_ source: RotatingSource) throws {
        let id = try source.current().svid.id.uri
        source.rotate(
            to: X509Identity(
                svid: try self.authority.x509SVID(id: id, key: .unusableForTLS()),
                bundles: TrustBundles([self.authority.bundle])))
    }

    /// Gives both services new SVIDs.
    func rotate() throws {
        self.payments.rotate(to: try self.authority.x509Identity(id: Self.payments.uri))
        self.orders.rotate(to: try self.authority.x509Identity(id: Self.orders.uri))
    }
}

/// An ID that the test writes down.
func id(_ uri: String) -> SPIFFEID {
    do { return try SPIFFEID(parsing: uri) } catch { preconditionFailure("\(uri): \(error)") }
}
