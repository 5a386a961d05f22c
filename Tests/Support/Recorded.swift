import Synchronization

/// What happened, in order, written from any task.
package final class Recorded<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])

    package init() {}

    package func append(_ value: Value) {
        self.state.withLock { $0.append(value) }
    }

    package var values: [Value] {
        self.state.withLock { $0 }
    }
}
