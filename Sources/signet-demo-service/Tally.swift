import ArgumentParser
import FoundationEssentials
import SPIFFE
import Synchronization

/// What one demo service counts: calls, failures, and the certificates that were seen on both sides.
final class Tally: Sendable {
    /// The summary, as it is printed.
    ///
    /// Serial numbers are counted, not listed.
    private struct Summary: Encodable {
        let name: String
        let calls: Int
        let failures: Int
        let refused: Int
        let peers: [String]
        let ownCertificates: Int
        let peerCertificates: Int
    }

    private struct State {
        var calls = 0
        var failures = 0
        var refused = 0
        var peers: Set<SPIFFEID> = []
        var ownSerials: Set<String> = []
        var peerSerials: Set<String> = []
    }

    private let name: String
    private let state = Mutex(State())

    init(name: String) {
        self.name = name
    }

    /// Counts a call that was answered.
    ///
    /// - Parameter ownSerial: The serial number of the certificate that the peer says it was shown.
    func answered(peer: VerifiedX509SVID, ownSerial: String, firstTime message: (SPIFFEID) -> String) {
        let isNew = self.state.withLock { state in
            state.calls += 1
            state.ownSerials.insert(ownSerial)
            state.peerSerials.insert(peer.serialNumber)
            return state.peers.insert(peer.id).inserted
        }
        if isNew { self.say(message(peer.id)) }
    }

    /// Counts a call that failed; the first failures are shown.
    func failed(_ error: any Error) {
        let failures = self.state.withLock { state in
            state.failures += 1
            return state.failures
        }
        if failures <= 10 { self.say("call failed: \(error)") }
    }

    /// Counts a peer that was refused as it should be; the first ones are shown.
    func refused(_ error: any Error) {
        let refused = self.state.withLock { state in
            state.refused += 1
            return state.refused
        }
        if refused <= 10 { self.say("refused a caller: \(error)") }
    }

    func say(_ text: String) {
        print("\(self.name): \(text)")
        StandardOutput.flush()
    }

    /// Prints one line of JSON.
    ///
    /// - Throws: `ExitCode(1)` when a call failed.
    func printSummary() throws {
        let state = self.state.withLock { $0 }
        let summary = Summary(
            name: self.name, calls: state.calls, failures: state.failures, refused: state.refused,
            peers: state.peers.sorted().map(\.uri), ownCertificates: state.ownSerials.count,
            peerCertificates: state.peerSerials.count)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        print(String(decoding: try encoder.encode(summary), as: UTF8.self))
        StandardOutput.flush()
        if state.failures > 0 { throw ExitCode(1) }
    }
}
