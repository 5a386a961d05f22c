import Crypto
import Glibc

/// SHA-256 of a program's file.
package enum ProgramDigest {
    private static let bufferBytes = 64 << 10

    /// The digest in lower-case hexadecimal digits.
    ///
    /// - Parameters:
    ///   - maxBytes: The longest program that is hashed.
    ///   - isAbandoned: Whether nobody waits for the digest any more; asked between the pieces of the file.
    /// - Throws: ``ProgramDigestError``; `CancellationError` when it is abandoned.
    package static func sha256(of program: Program, maxBytes: Int, isAbandoned: () -> Bool) throws -> String {
        guard program.identity.bytes <= maxBytes else {
            throw ProgramDigestError.tooLarge(bytes: program.identity.bytes, limit: maxBytes)
        }
        var hasher = SHA256()
        var buffer = [UInt8](repeating: 0, count: self.bufferBytes)
        var offset = 0
        while !isAbandoned() {
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe pread(program.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw ProgramDigestError.unreadable(ProcError(path: program.path, code: errno))
            }
            guard count > 0 else { return self.hexadecimal(hasher.finalize()) }
            offset += count
            guard offset <= maxBytes else { throw ProgramDigestError.tooLarge(bytes: offset, limit: maxBytes) }
            hasher.update(data: buffer[..<count])
        }
        throw CancellationError()
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Why a program has no digest.
package enum ProgramDigestError: Error, Hashable, CustomStringConvertible {
    case tooLarge(bytes: Int, limit: Int)
    case unreadable(ProcError)

    package var description: String {
        switch self {
        case .tooLarge(let bytes, let limit): "the program has \(bytes) bytes, the limit is \(limit)"
        case .unreadable(let error): error.description
        }
    }
}
