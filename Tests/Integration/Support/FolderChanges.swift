import Foundation
import Synchronization

/// Counts what happens to the files of one folder, as the kernel tells it.
final class FolderChanges: Sendable {
    private let descriptor: Int32

    /// Watches `folder` from now on.
    init(of folder: String) throws {
        self.descriptor = inotify_init1(Int32(IN_CLOEXEC))
        let mask = UInt32(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE)
        guard self.descriptor >= 0, unsafe inotify_add_watch(self.descriptor, folder, mask) >= 0 else {
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
    }

    deinit { close(self.descriptor) }

    /// Waits until `count` changes have been seen, acts at once, and returns the last of them.
    ///
    /// - Returns: The name of the file; empty when nothing happens for half a minute.
    func wait(until count: Int, then act: @escaping @Sendable () -> Void) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var seen = 0
                while true {
                    let names = self.next()
                    for name in names {
                        seen += 1
                        guard seen == count else { continue }
                        act()
                        continuation.resume(returning: name)
                        return
                    }
                    guard !names.isEmpty else { return continuation.resume(returning: "") }
                }
            }
        }
    }

    /// The files of the changes that the next reading tells; empty when there are none for half a minute.
    private func next() -> [String] {
        var waiting = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, 30_000) == 1 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe read(self.descriptor, $0.baseAddress, $0.count)
        }
        var names: [String] = []
        var rest = buffer.prefix(max(0, count))
        // `inotify_event`: 16 bytes, the last four the length of the name behind them.
        while rest.count >= 16 {
            let length = rest.dropFirst(12).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            names.append(String(decoding: rest.dropFirst(16).prefix(length).prefix { $0 != 0 }, as: UTF8.self))
            rest = rest.dropFirst(16 + length)
        }
        return names
    }
}
