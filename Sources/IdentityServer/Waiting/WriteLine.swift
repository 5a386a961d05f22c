package import SPIFFE

/// Where a write stands among those that wait.
package enum WriteTurn: Hashable, Sendable {
    /// Before all that wait in line, in the order of arrival among its like.
    case next
    /// In the order of arrival.
    case inLine
    /// In the order of arrival, with one place in the line at a time: the others of this agent wait behind it.
    case agent(SPIFFEID)
}

/// Whose turn it is to write: one at a time, and what one agent wants to write holds up others by one write at most.
package struct WriteLine<Waiter: Sendable>: Sendable {
    private struct Place: Sendable {
        let id: UInt64
        let agentID: SPIFFEID?
        let waiter: Waiter
    }

    private var isTaken = false
    private var urgent: [Place] = []
    private var line: [Place] = []
    /// What waits until the place of its agent in the line is free; the agent has a place there.
    private var behind: [SPIFFEID: [Place]] = [:]

    package init() {}

    /// Takes the turn where it is free, and waits for it otherwise.
    ///
    /// - Parameter id: What ``leave(_:)`` calls it; of no other that waits.
    /// - Returns: Whether the turn is the caller's; `waiter` is then not kept.
    package mutating func arrive(_ id: UInt64, _ turn: WriteTurn, _ waiter: Waiter) -> Bool {
        guard self.isTaken else {
            self.isTaken = true
            return true
        }
        switch turn {
        case .next:
            self.urgent.append(Place(id: id, agentID: nil, waiter: waiter))
        case .inLine:
            self.line.append(Place(id: id, agentID: nil, waiter: waiter))
        case .agent(let agentID):
            let place = Place(id: id, agentID: agentID, waiter: waiter)
            if self.behind[agentID] != nil {
                self.behind[agentID]?.append(place)
            } else {
                self.behind[agentID] = []
                self.line.append(place)
            }
        }
        return false
    }

    /// Hands the turn to who is next, without its being free meanwhile, so that nobody slips in between.
    package mutating func passOn() -> Waiter? {
        if !self.urgent.isEmpty { return self.urgent.removeFirst().waiter }
        guard !self.line.isEmpty else {
            self.isTaken = false
            return nil
        }
        let place = self.line.removeFirst()
        self.follow(place)
        return place.waiter
    }

    /// Gives up waiting.
    ///
    /// - Returns: What waited; nil when it does not wait, or no longer.
    package mutating func leave(_ id: UInt64) -> Waiter? {
        if let index = self.urgent.firstIndex(where: { $0.id == id }) { return self.urgent.remove(at: index).waiter }
        if let index = self.line.firstIndex(where: { $0.id == id }) {
            let place = self.line.remove(at: index)
            self.follow(place)
            return place.waiter
        }
        for (agentID, places) in self.behind {
            guard let index = places.firstIndex(where: { $0.id == id }) else { continue }
            return self.behind[agentID]?.remove(at: index).waiter
        }
        return nil
    }

    /// The agent's place in the line has become free: the next of its writes goes to the end of the line.
    private mutating func follow(_ place: Place) {
        guard let agentID = place.agentID, let places = self.behind[agentID] else { return }
        guard let first = places.first else {
            self.behind[agentID] = nil
            return
        }
        self.behind[agentID]?.removeFirst()
        self.line.append(first)
    }
}
