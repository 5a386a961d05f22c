package import FoundationEssentials

/// A point in the history of one store; see ``ChangeLog/earlierEpochs`` for those of other epochs.
package struct ChangePosition: Hashable, Sendable {
    /// Random, another one each time that the store is opened.
    package let epoch: String
    /// The number of the last change seen; 0 before the first.
    package let number: UInt64

    package init(epoch: String, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }
}

/// What a change was made to.
package enum ChangeKind: String, Hashable, Sendable, CaseIterable {
    /// A registration entry; the key is its id.
    case entry
    /// An attested agent; the key is its SPIFFE ID.
    case agent
    /// A trust bundle; the key is the name of its trust domain.
    case bundle
    /// A service that can be called with access tokens; the key is its name.
    case service
    /// A grant of access tokens; the key is its ID.
    case grant
    /// A revocation; the key is the kind of its target and the target.
    case revocation
}

/// One row of the change log: that something changed, not what it became.
package struct Change: Hashable, Sendable {
    /// 1 for the first change of a store, then one more each.
    package let number: UInt64
    package let kind: ChangeKind
    package let key: String
    package let actor: Actor
    /// Milliseconds.
    package let time: Date

    package init(number: UInt64, kind: ChangeKind, key: String, actor: Actor, time: Date) {
        self.number = number
        self.kind = kind
        self.key = key
        self.actor = actor
        self.time = time
    }
}
