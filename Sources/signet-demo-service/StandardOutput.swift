import Glibc

/// What is printed appears at once, also where the output is a file that somebody follows.
enum StandardOutput {
    static func flush() {
        // All open output streams; naming the one would read a global variable of C.
        _ = fflush(nil)
    }
}
