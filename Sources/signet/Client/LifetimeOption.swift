import FoundationEssentials

/// A lifetime on the command line: whole seconds, or a duration with its units as `1h30m`.
///
/// 0 leaves it to the server. Parts of a second are rounded up, as SPIRE's commands do.
struct LifetimeOption: Hashable, CustomStringConvertible {
    static let serverDefault = Self(seconds: 0)

    let seconds: Int32

    var description: String { "\(self.seconds)" }

    init(seconds: Int32) {
        self.seconds = seconds
    }

    /// Reads an option's value.
    ///
    /// - Throws: ``UsageError`` for what is neither, is negative, or is longer than a reply can say.
    init(argument: String) throws {
        if let seconds = Int64(argument) {
            guard seconds >= 0 else { throw UsageError("it is negative") }
            guard let seconds = Int32(exactly: seconds) else { throw UsageError("it is longer than 68 years") }
            self.seconds = seconds
            return
        }
        guard let duration = DurationText.parse(argument) else {
            throw UsageError("expected seconds, or a duration with its units as 90s, 1h30m or 24h")
        }
        let (seconds, rest) = duration.components
        guard let whole = Int32(exactly: rest > 0 ? seconds + 1 : seconds) else {
            throw UsageError("it is longer than 68 years")
        }
        self.seconds = whole
    }

    /// Says so on standard error when a document ends before the lifetime that was asked for.
    ///
    /// - Parameters:
    ///   - document: What was issued.
    ///   - expiresAt: Its end, seconds since 1970.
    ///   - asked: The moment before the server was asked.
    func reportIfShortened(_ document: String, expiresAt: Int64, asked: Date) {
        let wanted = Int64(asked.timeIntervalSince1970.rounded(.down)) + Int64(self.seconds)
        guard self.seconds > 0, expiresAt < wanted else { return }
        Console.error(
            "signet: the server shortened the lifetime of the \(document): "
                + "asked for \(DurationText.format(.seconds(self.seconds))), it expires at "
                + Date(unixSeconds: expiresAt).text)
    }
}
