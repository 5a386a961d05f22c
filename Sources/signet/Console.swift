import FoundationEssentials
import Glibc

/// Standard output and standard error, written whole and at once.
enum Console {
    static func print(_ text: String) {
        Self.write(text + "\n", to: STDOUT_FILENO)
    }

    static func error(_ text: String) {
        Self.write(text + "\n", to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var remaining = Array(text.utf8)[...]
        while !remaining.isEmpty {
            let written = unsafe remaining.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            remaining = remaining.dropFirst(written)
        }
    }
}

/// How a moment is shown: UTC, RFC 3339, whole seconds.
extension Date {
    var text: String { self.formatted(.iso8601) }

    init(unixSeconds: Int64) {
        self.init(timeIntervalSince1970: Double(unixSeconds))
    }
}
