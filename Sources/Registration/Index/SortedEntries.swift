/// Entries ordered by id, in chunks, so that a changed copy shares all but one chunk with the original.
///
/// Lookups cost a binary search; an insertion copies one chunk and the list of chunks.
struct SortedEntries: Sendable {
    /// A reference keeps copies of chunks cheap: an entry has a dozen members to retain.
    final class Element: Sendable {
        let entry: RegistrationEntry
        init(_ entry: RegistrationEntry) { self.entry = entry }
    }

    /// A chunk is split in two when it has this many entries.
    private static let maxChunk = 512

    /// No chunk is empty.
    private var chunks: [[Element]] = []
    private(set) var count = 0

    init() {}

    /// The elements must be sorted by id, without duplicates.
    init(sorted elements: [Element]) {
        let size = Self.maxChunk / 2
        self.chunks = stride(from: 0, to: elements.count, by: size).map { start in
            Array(elements[start..<min(start + size, elements.count)])
        }
        self.count = elements.count
    }

    var isEmpty: Bool { self.count == 0 }

    subscript(id: String) -> RegistrationEntry? {
        guard let chunk = self.chunkIndex(of: id) else { return nil }
        let offset = Self.offset(of: id, in: self.chunks[chunk])
        guard offset < self.chunks[chunk].count, self.chunks[chunk][offset].entry.id == id else { return nil }
        return self.chunks[chunk][offset].entry
    }

    /// Adds the entry, or replaces the one of its id.
    mutating func insert(_ element: Element) {
        let id = element.entry.id
        guard let chunk = self.chunkIndex(of: id) else {
            self.chunks.append([element])
            self.count += 1
            return
        }
        let offset = Self.offset(of: id, in: self.chunks[chunk])
        if offset < self.chunks[chunk].count, self.chunks[chunk][offset].entry.id == id {
            self.chunks[chunk][offset] = element
            return
        }
        self.chunks[chunk].insert(element, at: offset)
        self.count += 1
        if self.chunks[chunk].count >= Self.maxChunk {
            let upper = Array(self.chunks[chunk][(Self.maxChunk / 2)...])
            self.chunks[chunk].removeSubrange((Self.maxChunk / 2)...)
            self.chunks.insert(upper, at: chunk + 1)
        }
    }

    mutating func remove(id: String) {
        guard let chunk = self.chunkIndex(of: id) else { return }
        let offset = Self.offset(of: id, in: self.chunks[chunk])
        guard offset < self.chunks[chunk].count, self.chunks[chunk][offset].entry.id == id else { return }
        self.chunks[chunk].remove(at: offset)
        self.count -= 1
        if self.chunks[chunk].isEmpty { self.chunks.remove(at: chunk) }
    }

    /// The entries in order, all of them or those whose id is greater than `after`.
    func entries(after id: String? = nil) -> some Sequence<RegistrationEntry> {
        var firstChunk = 0
        var offset = 0
        if let id, let chunk = self.chunkIndex(of: id) {
            firstChunk = chunk
            offset = Self.offset(of: id, in: self.chunks[chunk])
            if offset < self.chunks[chunk].count, self.chunks[chunk][offset].entry.id == id { offset += 1 }
        }
        return self.chunks[firstChunk...].lazy.joined().dropFirst(offset).lazy.map(\.entry)
    }

    /// The chunk that has the id or where it belongs: the last one that begins at or before it.
    private func chunkIndex(of id: String) -> Int? {
        if self.chunks.isEmpty { return nil }
        var low = 0
        var high = self.chunks.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.chunks[middle][0].entry.id <= id { low = middle } else { high = middle }
        }
        return low
    }

    /// The first offset whose id is not less than the given one.
    private static func offset(of id: String, in chunk: [Element]) -> Int {
        var low = 0
        var high = chunk.count
        while low < high {
            let middle = (low + high) / 2
            if chunk[middle].entry.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
