package import FoundationEssentials
import Rotation

/// The authorities of one kind and the rules by which they replace each other: a pure state machine.
///
/// ```
///              prepare             activate            prune
///   (made) ───────────▶ prepared ───────────▶ active ─ ─▶ old ───────▶ (gone)
///                          └────── setAside ──────────────▲
/// ```
///
/// All of them are in the trust bundle; only the active one signs. A successor is *prepared*, and published at once, at
/// ``RotatingAuthority/successorDue`` of the active one; it is *activated* at `notAfter - min(life/6, 7 d)`. An *old* one is
/// kept until it has expired, so that everything it signed stays valid, then *pruned*. There is no way back: an old
/// authority never signs again, a clock that is set back makes nothing vanish.
package struct AuthoritySlots<Authority: RotatingAuthority>: Sendable, Hashable {
    package private(set) var prepared: Authority?
    package private(set) var active: Authority?
    /// In the order in which they were replaced.
    package private(set) var old: [Authority]

    package init(prepared: Authority? = nil, active: Authority? = nil, old: [Authority] = []) {
        self.prepared = prepared
        self.active = active
        self.old = old
    }

    /// What is due at `now`; nil when there is nothing to do before ``nextInstant``.
    ///
    /// Carrying out one step makes the next one visible: call until it is nil, which takes a few calls at most.
    ///
    /// - Parameter canSign: Whether the private key of an authority is there.
    package func nextStep(now: Date, canSign: (Authority) -> Bool) -> AuthorityStep? {
        let isActiveUsable = self.active.map { canSign($0) && $0.isValid(at: now) } ?? false
        if let prepared {
            guard canSign(prepared), now < prepared.expiresAt else { return .setAside }
            if !isActiveUsable || self.isDue(\.activationDue, now) {
                return prepared.isValid(at: now) ? .activate : .setAside
            }
        } else if !isActiveUsable || self.isDue(\.successorDue, now) {
            return .prepare
        }
        return self.old.contains { $0.prunedAt <= now } ? .prune : nil
    }

    /// The next moment at which a step is due, as long as no private key is lost; nil when there is no active authority.
    package var nextInstant: Date? {
        guard let active else { return nil }
        let due = self.prepared == nil ? active.successorDue : active.activationDue
        return self.old.map(\.prunedAt).reduce(due, min)
    }

    /// The moment at which the first of the old authorities has expired; nil when there is none.
    package var nextPruning: Date? {
        self.old.map(\.prunedAt).min()
    }

    /// All authorities, oldest first: an order that does not change when they change slots.
    package var all: [Authority] {
        (self.old + [self.active, self.prepared].compactMap(\.self))
            .sorted { ($0.issuedAt, $0.id) < ($1.issuedAt, $1.id) }
    }

    /// The names of the private keys that are still needed; an old authority needs none.
    package var neededKeyNames: Set<String> {
        Set([self.active, self.prepared].compactMap { $0?.keyName })
    }

    /// Makes `authority` the successor, of which there must be none already.
    package mutating func prepare(_ authority: Authority) {
        precondition(self.prepared == nil, "a successor is prepared when there is none")
        self.prepared = authority
    }

    /// Lets the prepared authority sign from now on; the active one becomes old.
    package mutating func activate() {
        guard let prepared else { return }
        if let active { self.old.append(active) }
        self.active = prepared
        self.prepared = nil
    }

    /// Makes the prepared authority old without it having signed anything: it has been published.
    package mutating func setAside() {
        guard let prepared else { return }
        self.old.append(prepared)
        self.prepared = nil
    }

    /// Makes all authorities old: nothing is signed any more, and what was stays valid.
    package mutating func retire() {
        self.old += [self.active, self.prepared].compactMap(\.self)
        self.active = nil
        self.prepared = nil
    }

    /// Removes the old authorities that have expired, and returns them.
    @discardableResult
    package mutating func prune(now: Date) -> [Authority] {
        let expired = self.old.filter { $0.prunedAt <= now }
        self.old.removeAll { $0.prunedAt <= now }
        return expired
    }

    private func isDue(_ moment: (Authority) -> Date, _ now: Date) -> Bool {
        self.active.map { moment($0) <= now } ?? true
    }
}

/// A transition of ``AuthoritySlots``.
package enum AuthorityStep: Sendable, Hashable {
    /// Make a new authority and ``AuthoritySlots/prepare(_:)`` it.
    case prepare
    case activate
    /// The prepared authority is of no use: its key is lost, it has expired, or it is not valid when it is needed.
    case setAside
    case prune
}

extension RotatingAuthority {
    /// When it leaves the bundle: the second of ``expiresAt`` itself still belongs to its life.
    var prunedAt: Date { self.expiresAt.addingTimeInterval(1) }

    /// When its successor takes its place.
    fileprivate var activationDue: Date {
        RotationSchedule.activation(notBefore: self.issuedAt, notAfter: self.expiresAt)
    }

    func isValid(at now: Date) -> Bool {
        (self.validFrom ?? .distantPast) <= now && now < self.expiresAt
    }
}
