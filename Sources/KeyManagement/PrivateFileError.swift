import Glibc

/// Why a private file was not read or written; modes are permission bits.
package enum PrivateFileError: Error, Hashable {
    /// The file, or its directory, grants more than `allowed`.
    case looseMode(path: String, mode: UInt32, allowed: UInt32)
    /// The file's directory may be written by others than its owner.
    case looseDirectory(path: String, mode: UInt32)
    /// The file or its directory belongs to another user.
    case otherOwner(path: String, userID: UInt32)
    /// The path leads to a symbolic link.
    case symbolicLink(path: String)
    /// The path leads to something that is no regular file.
    case notRegularFile(path: String)
    /// The file is longer than the caller's limit.
    case tooLarge(path: String, maxBytes: Int)
    /// The file is replaced; the system could not say that its directory is on disk, so that the old file may be there
    /// again after a power failure.
    indirect case notFlushed(path: String, PrivateFileError)
    /// A system call failed.
    case system(operation: String, path: String, code: Int32)
}

extension PrivateFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .looseMode(let path, let mode, let allowed):
            "'\(path)' has mode \(Self.octal(mode)); at most \(Self.octal(allowed)) is accepted"
        case .looseDirectory(let path, let mode):
            "the directory '\(path)' has mode \(Self.octal(mode)); only its owner may be able to write to it"
        case .otherOwner(let path, let userID):
            "'\(path)' belongs to user \(userID); a private file belongs to the user of this process, its directory to "
                + "that user or root"
        case .symbolicLink(let path): "'\(path)' is a symbolic link, which is not followed"
        case .notRegularFile(let path): "'\(path)' is not a regular file"
        case .tooLarge(let path, let maxBytes): "'\(path)' is longer than \(maxBytes) bytes"
        case .notFlushed(let path, let error):
            "'\(path)' is replaced, but the old file may be there again after a power failure: \(error)"
        case .system(let operation, let path, let code):
            // glibc returns a constant for codes it knows.
            "cannot \(operation) '\(path)': \(unsafe String(cString: strerror(code)))"
        }
    }

    private static func octal(_ mode: UInt32) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
