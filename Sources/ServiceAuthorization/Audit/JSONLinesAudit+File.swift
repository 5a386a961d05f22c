import Audit
import FoundationEssentials
import JOSE
import Synchronization

extension JSONLinesAudit {
    /// Writes to a file with mode 0600 that is put aside as `path.1`, `path.2`, … when it is full.
    ///
    /// Lines that cannot be written, on a disk that is full, hold up no call. They are counted: before the first line that
    /// can be written again stands a record with `decision` `lost` and their `count`.
    ///
    /// - Parameters:
    ///   - path: The file; its directory must exist and belong to this user or root.
    ///   - maxFileBytes: The size from which the file is put aside. Default: 16 MiB.
    ///   - maxFiles: How many files there are at most; the oldest goes. Default: 8.
    /// - Throws: When the file cannot be opened, or others may read it.
    public convenience init(path: String, maxFileBytes: Int = 16_777_216, maxFiles: Int = 8) throws {
        let file = try RotatingFile(path: path, maxBytes: maxFileBytes, maxFiles: maxFiles)
        let lost = Mutex<UInt64>(0)
        self.init { line in
            lost.withLock { lost in
                let lines = lost == 0 ? line : Self.gap(lost) + line
                lost = file.append(lines) == RotatingFile.Outcome.written ? 0 : lost + 1
            }
        }
    }

    /// The line in the place of those that could not be written.
    private static func gap(_ count: UInt64) -> [UInt8] {
        let object: JSONObject = [
            "time": .string(Date().formatted(.iso8601.time(includingFractionalSeconds: true))), "decision": "lost",
            "count": .number(JSONNumber(count)),
        ]
        return JSON.serialize(.object(object)) + [0x0A]
    }
}
