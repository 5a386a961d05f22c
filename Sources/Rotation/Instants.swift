public import FoundationEssentials

/// The two uses of time that a service has, as one value: what time it is, and waiting.
///
/// The rules themselves take `now` as a parameter; only services hold an `Instants`. ``system`` is for programs, tests
/// pass one they can advance.
public struct Instants: Sendable {
    /// The longest time that ``system`` sleeps without looking at the wall clock again.
    public static let wallClockReadingInterval: Duration = .seconds(5)

    private let readNow: @Sendable () -> Date
    private let sleepUntil: @Sendable (Date) async throws -> Void
    private let sleepFor: @Sendable (Duration) async throws -> Void

    /// Creates a source of time from its two parts.
    ///
    /// Durations pass on the same clock: ``sleep(for:)`` waits for the moment that is `now` plus the duration.
    ///
    /// - Parameters:
    ///   - now: The wall-clock time.
    ///   - sleepUntil: Returns once `now` has reached the date; throws `CancellationError` when cancelled.
    public init(
        now: @escaping @Sendable () -> Date, sleepUntil: @escaping @Sendable (Date) async throws -> Void
    ) {
        self.init(now: now, sleepUntil: sleepUntil) { duration in
            try await sleepUntil(now().addingTimeInterval(duration / .seconds(1)))
        }
    }

    /// Creates a source of time whose durations pass on another clock than its wall-clock moments.
    package init(
        now: @escaping @Sendable () -> Date, sleepUntil: @escaping @Sendable (Date) async throws -> Void,
        sleepFor: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.readNow = now
        self.sleepUntil = sleepUntil
        self.sleepFor = sleepFor
    }

    /// The wall-clock time.
    public func now() -> Date {
        self.readNow()
    }

    /// Waits until the wall clock has reached `date`; returns at once when it already has.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, also when the moment has come.
    public func sleep(until date: Date) async throws {
        try await self.sleepUntil(date)
    }

    /// Waits for a length of time.
    ///
    /// With ``system``, whatever happens to the wall clock meanwhile.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        try await self.sleepFor(duration)
    }

    /// The time of this machine.
    ///
    /// Waiting for a moment re-reads the wall clock at least every 5 seconds, so that a suspended machine or a clock
    /// that is set does not delay it by more. Waiting for a duration follows a clock that nobody sets.
    public static let system = Instants.wallClock(
        now: { Date() }, pause: { try await Task.sleep(for: $0, clock: .continuous) })

    /// Waits for moments of `now` by pauses of at most ``wallClockReadingInterval``.
    package static func wallClock(
        now: @escaping @Sendable () -> Date, pause: @escaping @Sendable (Duration) async throws -> Void
    ) -> Instants {
        Instants(
            now: now,
            sleepUntil: { date in
                while true {
                    // A loop whose moments have all come would never learn of it otherwise.
                    try Task.checkCancellation()
                    let remaining = date.timeIntervalSince(now())
                    guard remaining > 0 else { return }
                    // Compared as numbers first: a moment centuries away does not fit a Duration.
                    let longest = Instants.wallClockReadingInterval / .seconds(1)
                    try await pause(.seconds(min(remaining, longest)))
                }
            },
            sleepFor: pause)
    }
}
