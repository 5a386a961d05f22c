import Foundation
import Glibc
import KeyManagement
import TestSupport
import Testing

@Suite("Private files", .timeLimit(.minutes(1)))
struct PrivateFileTests {
    @Test("a file comes back as it was written; one that is not there is nil")
    func roundTrip() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("file")
            #expect(try PrivateFile.read(path, maxBytes: 10) == nil)
            for bytes in [[], [1, 2, 3], [UInt8](repeating: 7, count: 200_000)] as [[UInt8]] {
                try PrivateFile.write(bytes, to: path)
                #expect(try PrivateFile.read(path, maxBytes: 200_000) == bytes)
                #expect(try directory.mode(of: "file") == 0o600)
            }
            #expect(try directory.names() == ["file"])
        }
    }

    @Test(
        "the mode is the one asked for, whatever was there and whatever the umask",
        arguments: [0o600, 0o640, 0o666] as [UInt32])
    func mode(mode: UInt32) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([1], to: "file", mode: 0o777)
            try PrivateFile.write([2], to: path, mode: mode)
            #expect(try directory.mode(of: "file") == Int(mode))
            #expect(try PrivateFile.read(path, maxBytes: 1, refusingLooserThan: mode) == [2])
        }
    }

    @Test("a file of exactly the limit is read, one byte more is not")
    func limit() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([UInt8](repeating: 0, count: 70_000), to: "file")
            #expect(try PrivateFile.read(path, maxBytes: 70_000)?.count == 70_000)
            #expect(throws: PrivateFileError.tooLarge(path: path, maxBytes: 69_999)) {
                try PrivateFile.read(path, maxBytes: 69_999)
            }
        }
    }

    @Test("a symbolic link is not followed when reading, and is replaced when writing")
    func symbolicLink() async throws {
        try await withTemporaryDirectory { directory in
            let (target, link) = (try directory.write([1], to: "target"), directory.path("link"))
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
            #expect(throws: PrivateFileError.symbolicLink(path: link)) { try PrivateFile.read(link, maxBytes: 1) }
            try PrivateFile.write([2], to: link)
            #expect(try PrivateFile.read(link, maxBytes: 1) == [2])
            #expect(try PrivateFile.read(target, maxBytes: 1) == [1])
        }
    }

    @Test("a directory or a named pipe is refused, without waiting for anyone")
    func notRegular() async throws {
        try await withTemporaryDirectory { directory in
            let pipe = directory.path("pipe")
            #expect(unsafe mkfifo(pipe, 0o600) == 0)
            #expect(throws: PrivateFileError.notRegularFile(path: pipe)) { try PrivateFile.read(pipe, maxBytes: 1) }
            let other = directory.path("directory")
            try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
            #expect(throws: PrivateFileError.notRegularFile(path: other)) { try PrivateFile.read(other, maxBytes: 1) }
        }
    }

    @Test(
        "a directory that others may write to is refused, unless they can replace nothing in it",
        arguments: [0o770, 0o707, 0o777])
    func looseDirectory(mode: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([1], to: "file")
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: directory.path)
            let refused = PrivateFileError.looseDirectory(path: directory.path, mode: UInt32(mode))
            #expect(throws: refused) { try PrivateFile.read(path, maxBytes: 1) }
            #expect(throws: refused) { try PrivateFile.write([1], to: path) }
            #expect("\(refused)".contains("'\(directory.path)' has mode 0\(String(mode, radix: 8))"))
            #expect(unsafe chmod(directory.path, mode_t(0o1000 | mode)) == 0)
            #expect(try PrivateFile.read(path, maxBytes: 1) == [1])
        }
    }

    @Test(
        "a file or directory of another user is refused", .enabled(if: geteuid() == 0, "only root can give files away"))
    func otherOwner() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([1], to: "file")
            #expect(unsafe chown(path, 12_345, 12_345) == 0)
            let refused = PrivateFileError.otherOwner(path: path, userID: 12_345)
            #expect(throws: refused) { try PrivateFile.read(path, maxBytes: 1) }
            #expect(
                "\(refused)" == "'\(path)' belongs to user 12345; a private file belongs to the user of this process, "
                    + "its directory to that user or root")
            #expect(unsafe chown(directory.path, 12_345, 12_345) == 0)
            #expect(throws: PrivateFileError.otherOwner(path: directory.path, userID: 12_345)) {
                try PrivateFile.write([1], to: path)
            }
        }
    }

    @Test("what cannot be written leaves nothing behind")
    func failedWrite() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("directory")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(throws: PrivateFileError.system(operation: "replace", path: path, code: EISDIR)) {
                try PrivateFile.write([1], to: path)
            }
            #expect(try directory.names() == ["directory"])
        }
    }

    @Test("readers see the old content or the new one, never a part")
    func atomic() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("file")
            let contents = [UInt8(1), 2].map { [UInt8](repeating: $0, count: 50_000) }
            try PrivateFile.write(contents[0], to: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for round in 0..<50 { try PrivateFile.write(contents[round % 2], to: path) } }
                group.addTask {
                    for _ in 0..<200 {
                        let bytes = try #require(try PrivateFile.read(path, maxBytes: 50_000))
                        #expect(contents.contains(bytes))
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("leftovers are found in a directory of thousands of short names, whatever else is there")
    func leftoversAmongMany() async throws {
        try await withTemporaryDirectory { directory in
            let others = (0..<4_000).map { String($0, radix: 36) }
            for name in others { try directory.write([], to: name) }
            try directory.write([], to: "keys.0.tmp")
            try PrivateFile.removeLeftovers(of: directory.path("keys"))
            #expect(try directory.names() == others.sorted())
        }
    }
}
