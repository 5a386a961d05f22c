import Synchronization

/// Something that happens at most once and is asked for later.
final class Latch: Sendable {
    private let state = Atomic(false)

    var isSet: Bool { self.state.load(ordering: .acquiring) }

    func set() {
        self.state.store(true, ordering: .releasing)
    }
}
