import Rotation
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

/// What the services ask of the transport, which begins after them.
final class Disconnections: Sendable {
    private let requested = Mutex<[Disconnection]>([])
    private let wakeUp = WakeUp()

    func request(_ disconnection: Disconnection) {
        self.requested.withLock { $0.append(disconnection) }
        self.wakeUp.signal()
    }

    /// Hands over the requests as they come, until the task is cancelled.
    func run(_ disconnect: ([Disconnection]) async -> Void) async throws {
        while true {
            let requested = self.requested.withLock { requested in
                defer { requested = [] }
                return requested
            }
            if !requested.isEmpty { await disconnect(requested) }
            try await self.wakeUp.wait()
        }
    }
}
