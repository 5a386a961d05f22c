import Audit
import Glibc
import KeyManagement
import TestSupport
import Testing

@Suite("Rotated files of lines", .timeLimit(.minutes(1)))
struct RotatingFileTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    private func file(maxBytes: Int = 30, maxFiles: Int = 3) throws -> RotatingFile {
        try RotatingFile(path: self.directory.path("lines"), maxBytes: maxBytes, maxFiles: maxFiles)
    }

    private func text(_ name: String) throws -> String {
        try String(decoding: self.directory.read(name), as: UTF8.self)
    }

    @Test("a full file is put aside, the oldest goes, and all have mode 0600")
    func rotation() throws {
        let file = try self.file()
        for number in 10..<24 { #expect(file.append(Array("line-\(number)\n".utf8)) == .written) }
        // Three lines of eight bytes fit in thirty, and of fourteen lines the first five are gone.
        #expect(try self.text("lines") == "line-22\nline-23\n")
        #expect(try self.text("lines.1") == "line-19\nline-20\nline-21\n")
        #expect(try self.text("lines.2") == "line-16\nline-17\nline-18\n")
        #expect(try self.directory.names() == ["lines", "lines.1", "lines.2"])
        for name in try self.directory.names() { #expect(try self.directory.mode(of: name) == 0o600) }
    }

    @Test("one file alone begins anew when it is full")
    func alone() throws {
        let file = try self.file(maxFiles: 1)
        for number in 10..<14 { #expect(file.append(Array("line-\(number)\n".utf8)) == .written) }
        #expect(try self.text("lines") == "line-13\n")
        #expect(try self.directory.names() == ["lines"])
    }

    @Test("a line longer than a file is written all the same")
    func longLine() throws {
        let file = try self.file()
        let line = String(repeating: "x", count: 40) + "\n"
        for text in ["a\n", line, "b\n"] { #expect(file.append(Array(text.utf8)) == .written) }
        #expect(try self.text("lines") == "b\n")
        #expect(try self.text("lines.1") == line)
        #expect(try self.text("lines.2") == "a\n")
    }

    @Test("after a restart lines follow those before, and a line that a crash cut short stands alone")
    func restart() throws {
        #expect(try self.file().append(Array("one\n".utf8)) == .written)
        #expect(try self.file().append(Array("two\nthr".utf8)) == .written)
        #expect(try self.file().append(Array("four\n".utf8)) == .written)
        #expect(try self.text("lines") == "one\ntwo\nthr\nfour\n")
    }

    @Test("a file that others may read, or a link, is refused")
    func loose() throws {
        let path = try self.directory.write([], to: "lines", mode: 0o644)
        #expect(throws: PrivateFileError.looseMode(path: path, mode: 0o644, allowed: 0o600)) { try self.file() }
        #expect(unsafe unlink(path) == 0)
        #expect(unsafe symlink("/dev/null", path) == 0)
        #expect(throws: PrivateFileError.symbolicLink(path: path)) { try self.file() }
    }
}
