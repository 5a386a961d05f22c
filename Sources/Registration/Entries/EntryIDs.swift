package import FoundationEssentials
import Synchronization

/// Makes entry IDs: UUIDs of version 7 (RFC 9562 §5.7), whose order is that of their making.
///
/// The wire tells when an entry was created in whole seconds; by its ID it is known which of one second is the older.
package final class EntryIDs: Sendable {
    private struct State {
        var milliseconds: UInt64 = 0
        var counter: UInt64 = 0
    }

    private static let counterLimit: UInt64 = 1 << 12

    private let state = Mutex(State())

    package init() {}

    /// A new ID, greater than all that were made before, also when the clock was set back since.
    ///
    /// - Parameter now: Of the years 1970 to 10889; other times count as the nearer end.
    package func next(now: Date) -> String {
        var generator = SystemRandomNumberGenerator()
        // The counter begins anywhere in its lower half, so that each millisecond has room for as many again.
        let start = UInt64.random(in: 0..<Self.counterLimit / 2, using: &generator)
        let moment = UInt64(min(max(0, now.timeIntervalSince1970 * 1_000), 0x1p48 - 1))
        let (milliseconds, counter) = self.state.withLock { state in
            if moment > state.milliseconds {
                state = State(milliseconds: moment, counter: start)
            } else {
                state.counter += 1
                if state.counter == Self.counterLimit {
                    state = State(milliseconds: state.milliseconds + 1, counter: 0)
                }
            }
            return (state.milliseconds, state.counter)
        }
        let high = milliseconds << 16 | 0x7000 | counter
        let low = generator.next() >> 2 | 1 << 63
        let bytes = [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
        return Self.text(bytes)
    }

    private static func text(_ bytes: [UInt8]) -> String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            if byte < 0x10 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }
}
