import SPIFFE
import Synchronization

/// Connections of an agent that must end: it was banned or evicted, or has renewed its certificate.
struct Disconnection: Hashable, Sendable {
    let agentID: SPIFFEID
    let keptSerialNumbers: Set<String>

    /// The connection with this certificate must end.
    func concerns(_ certificate: VerifiedX509SVID) -> Bool {
        certificate.id == self.agentID && !self.keptSerialNumbers.contains(certificate.serialNumber)
    }
}

/// What the services ask of the transport, which begins after them: before that there is no connection.
final class Disconnections: Sendable {
    private let close = Mutex<(@Sendable (Disconnection) -> Void)?>(nil)

    /// From now on connections are closed by `close`, at once: those that an agent makes afterwards are not concerned.
    func begin(_ close: @escaping @Sendable (Disconnection) -> Void) {
        self.close.withLock { $0 = close }
    }

    /// From now on nothing is closed, and the transport not held.
    func end() {
        self.close.withLock { $0 = nil }
    }

    func request(_ disconnection: Disconnection) {
        self.close.withLock { $0 }?(disconnection)
    }
}
