import Rotation

/// What to do when a stream of the Workload API has ended: the rules of SPIFFE Workload API §4.2 and Workload Endpoint
/// §6.
///
/// A stream that worked is opened again at once; what fails then, and every failure that follows, waits 1 s, 2 s … 30
/// s, each shortened by chance. A message begins the delays anew. INVALID_ARGUMENT and UNIMPLEMENTED end the following.
package struct Reconnection: Sendable {
    package enum Action: Sendable, Equatable {
        case openAgain(after: Duration)
        case giveUp
    }

    /// How long a stream has to live to be opened again at once a second time: a server that ends each stream after its
    /// first message is not asked in a circle.
    package static let minimumLife: Duration = .seconds(1)

    private var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
    private var mayOpenAtOnce = true

    package init() {}

    /// - Parameters:
    ///   - life: How long the stream was open.
    ///   - receivedMessage: Whether it brought a message.
    package mutating func streamEnded(
        _ error: WorkloadAPIError, after life: Duration, receivedMessage: Bool,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        if error.isFinal { return .giveUp }
        if receivedMessage {
            self.backoff.reset()
            if life >= Self.minimumLife { self.mayOpenAtOnce = true }
            if self.mayOpenAtOnce, !error.isPermissionDenied {
                self.mayOpenAtOnce = false
                return .openAgain(after: .zero)
            }
        }
        return .openAgain(after: self.backoff.next(using: &generator))
    }
}

extension WorkloadAPIError {
    var isPermissionDenied: Bool {
        if case .permissionDenied = self { true } else { false }
    }

    /// Whether repeating the request would change nothing (SPIFFE Workload Endpoint §6).
    var isFinal: Bool {
        switch self {
        case .invalidArgument, .unimplemented: true
        default: false
        }
    }
}
