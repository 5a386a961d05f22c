import FoundationEssentials
import FuzzTargets

#if canImport(Glibc)
import Glibc
#endif

/// What `signet-fuzz` does whoever makes the inputs.
///
///     signet-fuzz list              the names of the targets
///     signet-fuzz seeds DIR         writes the seeds of each target to DIR/TARGET/seeds, its words to DIR/TARGET/words
///     signet-fuzz TARGET FILE…      gives the files to a target; with libFuzzer also folders and its own options
enum SignetFuzz {
    static let usage = "usage: signet-fuzz list | seeds DIR | TARGET FILE..."

    /// Does what the arguments ask for, unless they name a target.
    ///
    /// - Returns: The target that they name.
    static func target(_ arguments: [String]) throws -> FuzzTarget {
        switch (arguments.first, arguments.count) {
        case ("list", 1):
            print(FuzzTarget.names.joined(separator: "\n"))
            exit(0)
        case ("seeds", 2):
            for name in FuzzTarget.names { try self.writeSeeds(name, to: arguments[1] + "/" + name) }
            exit(0)
        case (let name?, _):
            if let target = try FuzzTarget.named(name) { return target }
            fallthrough
        default:
            self.stop(self.usage)
        }
    }

    /// Gives an input to a target; ends the program with a trap when something does not hold.
    static func check(_ input: [UInt8], with target: FuzzTarget) {
        do { _ = try target.check(input) } catch {
            self.printError("\(target.name): \(error)")
            abort()
        }
    }

    static func stop(_ why: String) -> Never {
        self.printError(why)
        exit(2)
    }

    /// Writes a line to standard error, at once.
    private static func printError(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe write(2, bytes, bytes.count)
    }

    private static func writeSeeds(_ name: String, to folder: String) throws {
        guard let target = try FuzzTarget.named(name) else { return }
        try FileManager.default.createDirectory(atPath: folder + "/seeds", withIntermediateDirectories: true)
        for (index, seed) in target.seeds.enumerated() {
            try Data(seed).write(to: URL(filePath: folder + "/seeds/\(index)"))
        }
        let words = target.dictionary.map { "\"" + $0.utf8.map(self.escaped).joined() + "\"\n" }
        try Data(words.joined().utf8).write(to: URL(filePath: folder + "/words"))
    }

    /// A byte as libFuzzer's dictionaries write it.
    private static func escaped(_ byte: UInt8) -> String {
        "\\x" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
    }
}
