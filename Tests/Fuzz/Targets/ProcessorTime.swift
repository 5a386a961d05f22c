#if canImport(Glibc)
import Glibc
#endif

/// The time that this process has been running, which does not pass while others run.
enum ProcessorTime {
    static func now() -> Duration {
        // POSIX counts millionths of a second.
        .microseconds(clock())
    }
}
