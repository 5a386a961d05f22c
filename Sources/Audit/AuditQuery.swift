package import FoundationEssentials
import Glibc

/// Which records are asked for; what is nil matches everything.
package struct AuditQuery: Hashable, Sendable {
    package var since: Date?
    /// Exclusive.
    package var until: Date?
    package var subject: String?
    package var audience: String?
    package var tokenID: String?
    package var keyID: String?
    package var issuer: String?
    package var peer: String?
    package var kind: AuditEvent.Kind?
    package var decision: AuditEvent.Decision?
    /// A library with its version, or its name alone for all versions.
    package var library: String?

    package init() {}

    package func matches(_ event: AuditEvent) -> Bool {
        if let since, event.time < since { return false }
        if let until, event.time >= until { return false }
        if let subject, event.subject != subject { return false }
        if let audience, !event.audience.contains(audience) { return false }
        if let tokenID, event.tokenID != tokenID { return false }
        if let keyID, event.keyID != keyID { return false }
        if let issuer, event.issuer != issuer { return false }
        if let peer, event.peer != peer { return false }
        if let kind, event.kind != kind { return false }
        if let decision, event.decision != decision { return false }
        if let library {
            guard let reported = event.library, reported == library || reported.hasPrefix(library + "/") else {
                return false
            }
        }
        return true
    }
}

/// The records in the files of a ``RotatingFile``, which may be written to meanwhile.
package struct AuditFiles: ~Copyable {
    /// What is read at once.
    private static let readSize = 65_536

    /// The oldest first.
    private let descriptors: [CInt]

    /// Opens the files that are there.
    ///
    /// - Parameters:
    ///   - path: The newest of them.
    ///   - maxFiles: How many there may be.
    /// - Throws: The error number when the newest cannot be opened.
    package init(path: String, maxFiles: Int) throws(AuditFileError) {
        // From the newest: one that is put aside meanwhile is found again under its next name, and passed over.
        var found: [(descriptor: CInt, inode: UInt64)] = []
        for path in RotatingFile.paths(path, maxFiles: maxFiles) {
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard descriptor >= 0 else {
                if found.isEmpty { throw AuditFileError(path: path, code: errno) }
                break
            }
            var status = stat()
            _ = unsafe fstat(descriptor, &status)
            guard !found.contains(where: { $0.inode == UInt64(status.st_ino) }) else {
                _ = close(descriptor)
                continue
            }
            found.append((descriptor, UInt64(status.st_ino)))
        }
        self.descriptors = found.reversed().map(\.descriptor)
    }

    deinit {
        for descriptor in self.descriptors { _ = close(descriptor) }
    }

    /// Calls `body` with the records that match and the lines they are, the oldest first.
    ///
    /// - Returns: How many lines are no records.
    package func forEach(
        matching query: AuditQuery, _ body: (_ event: AuditEvent, _ line: ArraySlice<UInt8>) throws -> Void
    ) rethrows -> Int {
        var unreadable = 0
        for descriptor in self.descriptors {
            try Self.lines(of: descriptor) { line in
                guard !line.isEmpty else { return }
                guard let event = AuditEvent(line: line) else {
                    unreadable += 1
                    return
                }
                if query.matches(event) { try body(event, line) }
            }
        }
        return unreadable
    }

    /// Calls `body` with each line; of one that is too long only with its beginning.
    private static func lines(of descriptor: CInt, _ body: (ArraySlice<UInt8>) throws -> Void) rethrows {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: self.readSize)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for part in buffer.prefix(count).split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
                if part.offset > 0 {
                    try body(pending[...])
                    pending.removeAll(keepingCapacity: true)
                }
                pending += part.element.prefix(AuditEvent.maxLineBytes + 1 - pending.count)
            }
        }
        try body(pending[...])
    }
}

/// There are no records to read.
package struct AuditFileError: Error, Hashable, CustomStringConvertible {
    package let path: String
    /// The error number of the system.
    package let code: Int32

    package init(path: String, code: Int32) {
        self.path = path
        self.code = code
    }

    package var description: String {
        "\(self.path): \(unsafe String(cString: strerror(self.code)))"
    }
}
