import Audit
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Queries of audit records", .timeLimit(.minutes(1)))
struct AuditQueryTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func jtis(_ query: AuditQuery = AuditQuery()) throws -> [String] {
        var found: [String] = []
        let files = try AuditFiles(path: self.directory.path("audit"), maxFiles: 100)
        _ = files.forEach(matching: query) { event, line in
            #expect(AuditEvent(line: line) == event)
            found.append(event.tokenID ?? "")
        }
        return found
    }

    @Test("the records of all files come in their order, also with lines between that are none")
    func order() throws {
        let file = try RotatingFile(path: self.directory.path("audit"), maxBytes: 1_000, maxFiles: 10)
        let names = (0..<12).map { "jti-\($0)" }
        for name in names {
            var event = AuditEventTests.whole
            event.tokenID = name
            #expect(file.append(event.line) == .written)
            #expect(file.append(Array("rubbish\n".utf8)) == .written)
        }
        #expect(try self.directory.names().count > 3)
        #expect(try self.jtis() == names)
        let files = try AuditFiles(path: self.directory.path("audit"), maxFiles: 100)
        #expect(files.forEach(matching: AuditQuery()) { _, _ in } == 12)
    }

    @Test("a line without end in a file costs no memory, and is one that is no record")
    func endless() throws {
        let line = AuditEventTests.whole.line
        try self.directory.write(
            line + [UInt8](repeating: 0x78, count: 1_000_000) + [0x0A] + line.dropLast(), to: "audit")
        let files = try AuditFiles(path: self.directory.path("audit"), maxFiles: 1)
        var count = 0
        #expect(files.forEach(matching: AuditQuery()) { _, _ in count += 1 } == 1)
        #expect(count == 2)
    }

    @Test("a file that is not there is an error with its name")
    func missing() {
        let path = self.directory.path("audit")
        #expect(throws: AuditFileError(path: path, code: ENOENT)) { _ = try AuditFiles(path: path, maxFiles: 1) }
    }

    @Test("a file that is put aside while it is looked for is read once")
    func putAside() throws {
        let path = self.directory.path("audit")
        try self.directory.write(AuditEventTests.whole.line, to: "audit")
        // Found under its name, and under the next one a moment later.
        #expect(unsafe link(path, path + ".1") == 0)
        try self.directory.write(AuditEventTests.whole.line, to: "audit.2")
        #expect(try self.jtis() == ["jti-1", "jti-1"])
    }

    @Test("a link in the place of the file is not followed")
    func symbolicLink() throws {
        let path = self.directory.path("audit")
        try self.directory.write(AuditEventTests.whole.line, to: "elsewhere")
        #expect(unsafe symlink(self.directory.path("elsewhere"), path) == 0)
        #expect(throws: AuditFileError(path: path, code: ELOOP)) { _ = try AuditFiles(path: path, maxFiles: 1) }
    }

    /// Queries, and whether they find the record that says everything.
    static let table: [(AuditQuery, Bool)] = {
        let changes: [((inout AuditQuery) -> Void, Bool)] = [
            ({ $0.since = AuditEventTests.time }, true),
            ({ $0.since = AuditEventTests.time.addingTimeInterval(0.001) }, false),
            ({ $0.until = AuditEventTests.time }, false),
            ({ $0.until = AuditEventTests.time.addingTimeInterval(0.001) }, true),
            ({ $0.subject = "spiffe://a.org/orders" }, true), ({ $0.subject = "spiffe://a.org/order" }, false),
            ({ $0.audience = "spiffe://a.org/payments" }, true), ({ $0.audience = "payments" }, false),
            ({ $0.tokenID = "jti-1" }, true), ({ $0.tokenID = "jti-2" }, false),
            ({ $0.keyID = AuditEventTests.whole.keyID }, true), ({ $0.keyID = "another" }, false),
            ({ $0.issuer = AuditEventTests.whole.issuer }, true), ({ $0.issuer = "https://another.test" }, false),
            ({ $0.peer = AuditEventTests.whole.peer }, true), ({ $0.peer = "uid:7" }, false),
            ({ $0.kind = AuditEventTests.whole.kind }, true), ({ $0.kind = .audit }, false),
            ({ $0.decision = .issued }, true), ({ $0.decision = .refused }, false),
            ({ $0.library = "signet-swift/1.2.3" }, true), ({ $0.library = "signet-swift" }, true),
            ({ $0.library = "signet-swift/1.2" }, false), ({ $0.library = "signet" }, false),
            ({ ($0.tokenID, $0.decision) = ("jti-1", .refused) }, false),
        ]
        return changes.map { change, found in
            var query = AuditQuery()
            change(&query)
            return (query, found)
        }
    }()

    @Test("a query finds what has all that it names", arguments: Self.table)
    func conditions(query: AuditQuery, found: Bool) {
        #expect(query.matches(AuditEventTests.whole) == found)
    }
}
