import Glibc

/// A thread that runs one body and ends.
enum DetachedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Starts a thread.
    ///
    /// - Returns: 0, or the error number of `pthread_create`: the body does not run then.
    static func start(_ body: @escaping @Sendable () -> Void) -> CInt {
        var thread = pthread_t()
        let retained = unsafe Unmanaged.passRetained(Body(body))
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            unsafe retained.release()
            return code
        }
        pthread_detach(thread)
        return 0
    }
}
