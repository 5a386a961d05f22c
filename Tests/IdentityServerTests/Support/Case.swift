import Testing

/// A request that is wrong in one way, and what is said about it.
struct Case<Request: Sendable>: Sendable, CustomTestStringConvertible {
    let message: String
    let change: @Sendable (inout Request) -> Void

    init(_ message: String, _ change: @escaping @Sendable (inout Request) -> Void) {
        self.message = message
        self.change = change
    }

    var testDescription: String { self.message }
}
