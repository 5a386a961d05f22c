import Dispatch
import Foundation
import Rotation
import Synchronization
import Testing

@Suite("Watched", .timeLimit(.minutes(1)))
struct WatchedTests {
    @Test("a watcher begins with the current value")
    func current() async {
        let watched = Watched(1)
        watched.publish(2)
        let first = await watched.watch { values in await values.first { _ in true } }
        #expect(first == 2)
    }

    @Test("a slow watcher misses values between, never the latest")
    func latest() async {
        let watched = Watched(0)
        let seen = await watched.watch { values in
            var seen: [Int] = []
            for await value in values {
                seen.append(value)
                if value == 3 { break }
                for value in 1...3 { watched.publish(value) }
            }
            return seen
        }
        #expect(seen == [0, 3])
    }

    @Test("the last value of concurrent publishers is the one every watcher ends with", arguments: 0..<50)
    func concurrentPublishers(_: Int) async {
        let watched = Watched(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    await watched.watch { values in for await value in values where value == -1 { return } }
                }
            }
            await withTaskGroup(of: Void.self) { publishers in
                for publisher in 0..<4 {
                    publishers.addTask { for step in 1...100 { watched.publish(publisher * 1_000 + step) } }
                }
            }
            watched.publish(-1)
        }
        #expect(watched.current == -1)
    }

    /// A value that calls a function when it is released.
    private final class Released: Sendable {
        let released: @Sendable () -> Void

        init(_ released: @escaping @Sendable () -> Void) {
            self.released = released
        }

        deinit { self.released() }
    }

    @Test("a replaced value is released when others can use what it is watched by")
    func releasedOutsideOfLock() {
        let wasUsable = Mutex<Bool?>(nil)
        let watched = Watched<Released?>(nil)
        watched.publish(
            Released { [weak watched] in
                // On another thread: a lock that is held would otherwise be waited for by its own holder.
                let finished = DispatchSemaphore(value: 0)
                Thread { [weak watched] in
                    _ = watched?.watcherCount
                    finished.signal()
                }.start()
                let result = finished.wait(timeout: .now() + 5)
                wasUsable.withLock { $0 = result == .success }
            })
        watched.publish(nil)
        #expect(wasUsable.withLock { $0 } == true)
    }

    @Test("a watcher is unregistered when its scope ends, also by an error")
    func scope() async {
        struct Refused: Error {}
        let watched = Watched(0)
        let inside = await watched.watch { _ in watched.watcherCount }
        #expect(inside == 1)
        await #expect(throws: Refused.self) { try await watched.watch { _ in throw Refused() } }
        #expect(watched.watcherCount == 0)
    }

    @Test("updates begin with the current value and follow each replacement")
    func updates() async {
        let watched = Watched("a")
        var updates = watched.updates().makeAsyncIterator()
        let first = await updates.next(isolation: nil)
        watched.publish("b")
        let second = await updates.next(isolation: nil)
        #expect([first, second] == ["a", "b"])
    }

    @Test("updates that nobody holds any more are unregistered")
    func released() {
        let watched = Watched(0)
        do {
            let updates = watched.updates()
            withExtendedLifetime(updates) { #expect(watched.watcherCount == 1) }
        }
        #expect(watched.watcherCount == 0)
    }

    @Test("updates end when the consuming task is cancelled")
    func cancelled() async {
        let watched = Watched(0)
        await withTaskGroup(of: Void.self) { group in
            let updates = watched.updates()
            group.addTask { for await _ in updates {} }
            group.cancelAll()
        }
        #expect(watched.watcherCount == 0)
    }

    @Test("updates that are ended from elsewhere end, and are unregistered")
    func ended() async {
        let watched = Watched(0)
        let (updates, end) = watched.endableUpdates()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in updates {} }
            end()
        }
        #expect(watched.watcherCount == 0)
    }
}
