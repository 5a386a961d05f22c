import FoundationEssentials
import Glibc

/// A file that a user names, or standard input where the name is `-`.
enum InputFile {
    /// Reads the whole.
    ///
    /// - Throws: ``InputFileError`` with a reason to print.
    static func read(_ path: String, maxBytes: Int) throws(InputFileError) -> [UInt8] {
        let bytes = path == "-" ? try Self.standardInput(maxBytes: maxBytes) : try Self.file(path)
        guard bytes.count <= maxBytes else { throw InputFileError(reason: "it has more than \(maxBytes) bytes") }
        return bytes
    }

    private static func file(_ path: String) throws(InputFileError) -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw InputFileError(reason: FileReason.of(error))
        }
    }

    private static func standardInput(maxBytes: Int) throws(InputFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= maxBytes {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count)
            }
            guard count >= 0 else { throw InputFileError(reason: "standard input cannot be read (error \(errno))") }
            guard count > 0 else { break }
            bytes += chunk.prefix(count)
        }
        return bytes
    }
}

/// Why a file that a user named was not read.
struct InputFileError: Error, Hashable {
    let reason: String
}
