import Registration
import SPIFFE

extension Array where Element == RegistrationEntry {
    /// The entries as messages take them, at least one page, each saying whether another follows.
    var entryPages: [(items: ArraySlice<RegistrationEntry>, hasMore: Bool)] {
        var starts = [0]
        var bytes = 0
        for (index, entry) in self.enumerated() {
            let isFull =
                index - starts[starts.count - 1] == ControlPlaneLimits.entryPageSize
                || bytes + entry.maxWireBytes > ControlPlaneLimits.entryPageBytes
            if isFull, index > starts[starts.count - 1] {
                starts.append(index)
                bytes = 0
            }
            bytes += entry.maxWireBytes
        }
        return zip(starts, starts.dropFirst() + [self.count]).map { start, end in
            (self[start..<end], end < self.count)
        }
    }
}

extension Array where Element == RegistrationEntry {
    /// The entries that one message takes, one at least.
    func prefix(bytes most: Int) -> ArraySlice<RegistrationEntry> {
        var bytes = 0
        let end = self.firstIndex { entry in
            bytes += entry.maxWireBytes
            return bytes > most
        }
        return self[..<Swift.max(end ?? self.count, Swift.min(1, self.count))]
    }
}

extension RegistrationEntry {
    /// What the entry takes on the wire at most, in bytes.
    var maxWireBytes: Int {
        // Tags and lengths: up to 16 bytes for each text and each message around one, 256 for all numbers.
        let texts = self.dnsNames + self.federatesWith.map(\.name) + [self.id, self.hint]
        let names = texts.reduce(0) { $0 + $1.utf8.count + 16 }
        let selectors = self.selectors.reduce(0) { $0 + $1.type.utf8.count + $1.value.utf8.count + 48 }
        return self.spiffeID.uri.utf8.count + self.parentID.uri.utf8.count + names + selectors + 256
    }
}
