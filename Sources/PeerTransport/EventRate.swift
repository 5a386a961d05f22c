package import NIOCore

/// Counts events in windows of time, to tell when there are too many.
package struct EventRate {
    private let limit: Int
    private let window: TimeAmount
    private var windowEnd = NIODeadline.uptimeNanoseconds(0)
    private var count = 0

    package init(limit: Int, window: TimeAmount) {
        self.limit = limit
        self.window = window
    }

    /// Counts one event; returns whether the window has more than the limit.
    package mutating func record(now: NIODeadline) -> Bool {
        if now >= self.windowEnd {
            self.windowEnd = now + self.window
            self.count = 0
        }
        self.count += 1
        return self.count > self.limit
    }
}
