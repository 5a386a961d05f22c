#if canImport(Glibc)
import Glibc
#endif

/// The time that the calling thread has been running, which does not pass while others run.
enum ThreadTime {
    static func now() -> Duration {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
