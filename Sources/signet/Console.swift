import FoundationEssentials
import Glibc

/// Standard output and standard error, written whole and at once.
enum Console {
    /// Ends the process with exit code 1 when the text cannot be written: what was printed may be all there is of a
    /// token or a key.
    ///
    /// A reader that has gone away is no failure.
    static func print(_ text: String) {
        guard let failure = Self.write(text + "\n", to: STDOUT_FILENO), failure != EPIPE else { return }
        Self.error("signet: cannot write to standard output: \(unsafe String(cString: strerror(failure)))")
        exit(1)
    }

    static func error(_ text: String) {
        _ = Self.write(text + "\n", to: STDERR_FILENO)
    }

    /// - Returns: The error number, where not all was written.
    private static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var remaining = Array(text.utf8)[...]
        while !remaining.isEmpty {
            let written = unsafe remaining.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return errno }
            remaining = remaining.dropFirst(written)
        }
        return nil
    }
}

extension String {
    /// The text with a space for each control character.
    ///
    /// What others chose (names, paths, versions) can hold anything: control characters would forge lines, or speak to
    /// the terminal.
    var oneLine: String {
        // Nearly always there is nothing to replace, and the tables of Unicode need not be asked.
        if self.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return self }
        return String(self.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) })
    }
}

/// How a moment is shown: UTC, RFC 3339, whole seconds.
extension Date {
    var text: String { self.formatted(.iso8601) }

    init(unixSeconds: Int64) {
        self.init(timeIntervalSince1970: Double(unixSeconds))
    }
}
