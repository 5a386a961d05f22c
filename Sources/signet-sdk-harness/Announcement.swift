import Foundation
import Rotation
import ServiceLifecycle
import Synchronization
import WorkloadAPI

/// The lines on standard output: the ports when both are open, and `READY` once the library has an X509-SVID.
final class Announcement: Service {
    private struct Ports {
        var x509: Int?
        var control: Int?
    }

    private let identity: X509Source
    private let opened = Mutex(Ports())
    private let ports = Watched<(x509: Int, control: Int)?>(nil)

    init(identity: X509Source) {
        self.identity = identity
    }

    func x509Port(_ port: Int?) {
        self.open { $0.x509 = port }
    }

    func controlPort(_ port: Int?) {
        self.open { $0.control = port }
    }

    private func open(_ note: (inout Ports) -> Void) {
        let both = self.opened.withLock { opened -> (x509: Int, control: Int)? in
            note(&opened)
            guard let x509 = opened.x509, let control = opened.control else { return nil }
            return (x509, control)
        }
        if let both { self.ports.publish(both) }
    }

    /// Returns once everything is said, or at a graceful shutdown.
    func run() async throws {
        for await ports in self.ports.updates().cancelOnGracefulShutdown() {
            guard let ports else { continue }
            Self.say("SPIFFE_HARNESS_VERSION=1\nSPIFFE_X509_PORT=\(ports.x509)\nSPIFFE_CONTROL_PORT=\(ports.control)\n")
            break
        }
        // No deadline: when to give up is for whoever started the program.
        for await identity in self.identity.updates().cancelOnGracefulShutdown() {
            guard case .success = identity else { continue }
            return Self.say("READY\n")
        }
    }

    private static func say(_ lines: String) {
        FileHandle.standardOutput.write(Data(lines.utf8))
    }
}
