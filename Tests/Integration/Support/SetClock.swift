import Foundation
import TestSupport

/// The wall clock of the programs that are started with ``environment``, which the test sets.
struct SetClock {
    private static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Without a C compiler there is no clock to set.
    static var isAvailable: Bool { Self.compiler != nil }

    private let folder: TemporaryDirectory
    /// The file that holds how far the clock is ahead.
    let path: String
    let environment: [String: String]

    init() async throws {
        self.folder = try TemporaryDirectory()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.folder.path)
        let library = self.folder.path("shift.so")
        let compiled = try await runProcess(
            Self.compiler ?? "cc",
            ["-O2", "-shared", "-fPIC", "-o", library, "\(Programs.root)/Tests/Interop/clock/shift.c"])
        guard compiled.status == 0 else { throw Deployment.Failure(description: compiled.errorText) }
        self.path = try self.folder.write([0, 0, 0, 0, 0, 0, 0, 0], to: "shift")
        self.environment = ["LD_PRELOAD": library, "CLOCK_SHIFT_FILE": self.path]
    }

    /// Sets the clock this many seconds ahead of that of the machine.
    func set(_ seconds: Int) throws {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> ($0 * 8)) }
        // In place: the programs have the file in memory.
        let file = try FileHandle(forWritingTo: URL(filePath: self.path))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }
}
