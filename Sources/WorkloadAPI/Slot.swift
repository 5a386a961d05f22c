import Synchronization

/// A place for one value that is put in one task and read in another.
final class Slot<Value: Sendable>: Sendable {
    private let state = Mutex<Value?>(nil)

    var value: Value? { self.state.withLock { $0 } }

    func put(_ value: Value) {
        self.state.withLock { $0 = value }
    }
}
