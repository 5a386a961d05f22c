public import FoundationEssentials

/// When certificates and keys are replaced, as functions of their validity period.
///
/// An SVID is renewed at half its life. An authority's successor is prepared, and published in the trust bundle, well
/// before it is activated, so that everyone who must trust it has it by then; it is activated early enough that what
/// the old one issued last is still of use. A period that ends before it begins counts as empty.
public enum RotationSchedule {
    /// The longest time before expiry at which a successor is prepared: 30 days.
    public static let longestPreparationLead: Duration = .seconds(30 * 86_400)
    /// The longest time before expiry at which a successor is activated: 7 days.
    public static let longestActivationLead: Duration = .seconds(7 * 86_400)
    /// How much of the lifetime a renewal may be moved by: a tenth, either way.
    public static let maximumJitter = 0.1

    /// When an SVID is renewed: at half of the life it had when it was issued, moved by a part of that.
    ///
    /// - Parameters:
    ///   - issuedAt: When it was issued or received. Certificates are dated back: counted from `notBefore`, one of a few
    ///     seconds would be due when it is new. Outside of the validity period it is brought to the nearer end.
    ///   - jitter: The part to add, from -0.1 to 0.1; values outside are brought to the nearer end.
    public static func renewal(issuedAt: Date, notBefore: Date, notAfter: Date, jitter: Double) -> Date {
        let jitter = min(max(jitter, -self.maximumJitter), self.maximumJitter)
        let begin = min(max(issuedAt, notBefore), notAfter)
        return notAfter.addingTimeInterval(self.lifetime(begin, notAfter) * (jitter - 0.5))
    }

    /// When an SVID is renewed: at half of the life it had when it was issued, moved by chance by up to a tenth of that.
    public static func renewal(
        issuedAt: Date, notBefore: Date, notAfter: Date, using generator: inout some RandomNumberGenerator
    ) -> Date {
        self.renewal(
            issuedAt: issuedAt, notBefore: notBefore, notAfter: notAfter,
            jitter: self.maximumJitter * (2 * generator.fraction() - 1))
    }

    /// When the successor of an authority is prepared: half its life before it expires, at most 30 days.
    public static func preparation(notBefore: Date, notAfter: Date) -> Date {
        let lead = min(self.lifetime(notBefore, notAfter) / 2, self.longestPreparationLead / .seconds(1))
        return notAfter.addingTimeInterval(-lead)
    }

    /// When the successor of an authority is activated: a sixth of its life before it expires, at most 7 days.
    public static func activation(notBefore: Date, notAfter: Date) -> Date {
        let lead = min(self.lifetime(notBefore, notAfter) / 6, self.longestActivationLead / .seconds(1))
        return notAfter.addingTimeInterval(-lead)
    }

    /// The longest lifetime of an SVID that an authority can always grant: what is left of it when its successor
    /// takes over.
    public static func guaranteedLifetime(authorityLifetime: Duration) -> Duration {
        min(authorityLifetime / 6, self.longestActivationLead)
    }

    private static func lifetime(_ notBefore: Date, _ notAfter: Date) -> TimeInterval {
        max(0, notAfter.timeIntervalSince(notBefore))
    }
}
