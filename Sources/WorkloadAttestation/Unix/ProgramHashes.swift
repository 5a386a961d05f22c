import Crypto
import Glibc
import Synchronization

/// SHA-256 of programs, remembered for files that have not changed.
///
/// A file that changed less than ``settlingTime`` before it was hashed is not remembered: within the resolution of the
/// file system's clock a later change would not show.
final class ProgramHashes: Sendable {
    /// The most programs that are remembered.
    static let maxRemembered = 1_024
    /// In nanoseconds: two seconds.
    static let settlingTime: Int64 = 2_000_000_000
    private static let chunkBytes = 1 << 20

    private let maxProgramBytes: Int
    private let remembered = Mutex<[FileIdentity: String]>([:])

    init(maxProgramBytes: Int) {
        self.maxProgramBytes = maxProgramBytes
    }

    /// The digest in lower-case hexadecimal digits.
    func sha256(of program: Program) async throws(ProgramHashError) -> String {
        guard program.identity.bytes <= self.maxProgramBytes else {
            throw .tooLarge(bytes: program.identity.bytes, limit: self.maxProgramBytes)
        }
        if let digest = self.remembered.withLock({ $0[program.identity] }) { return digest }
        let began = Self.wallClockNanoseconds()
        let digest = try await self.hash(program)
        if program.identity.changed &+ Self.settlingTime < began {
            self.remembered.withLock { remembered in
                if remembered.count >= Self.maxRemembered { remembered.removeAll() }
                remembered[program.identity] = digest
            }
        }
        return digest
    }

    private func hash(_ program: Program) async throws(ProgramHashError) -> String {
        var hasher = SHA256()
        var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
        var offset = 0
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe pread(program.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw .unreadable(ProcError(path: program.path, code: errno))
            }
            guard count > 0 else { return Self.hexadecimal(hasher.finalize()) }
            offset += count
            guard offset <= self.maxProgramBytes else { throw .tooLarge(bytes: offset, limit: self.maxProgramBytes) }
            hasher.update(data: buffer[..<count])
            // Other calls get their turn between the pieces of a long program.
            await Task.yield()
        }
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Compared with times of files only, which follow the same clock.
    private static func wallClockNanoseconds() -> Int64 {
        var now = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 else { return 0 }
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}

/// Why a program has no digest.
enum ProgramHashError: Error, Hashable, CustomStringConvertible {
    case tooLarge(bytes: Int, limit: Int)
    case unreadable(ProcError)

    var description: String {
        switch self {
        case .tooLarge(let bytes, let limit): "the program has \(bytes) bytes, the limit is \(limit)"
        case .unreadable(let error): error.description
        }
    }
}
