import CLinux
import Glibc

/// The arguments of one `posix_spawn`, which are freed with this value.
///
/// Foundation's `Process` is not used: on Linux it reads past the end of a directory's entries when more than some
/// thousand descriptors are open (swift-corelibs-foundation #5472).
@safe struct SpawnRequest: ~Copyable {
    /// A step failed with this error number.
    struct Failure: Error {
        let code: Int32
    }

    private let actions: UnsafeMutablePointer<posix_spawn_file_actions_t>
    private let attributes: UnsafeMutablePointer<posix_spawnattr_t>

    init() throws(Failure) {
        unsafe self.actions = .allocate(capacity: 1)
        unsafe self.attributes = .allocate(capacity: 1)
        unsafe self.actions.initialize(to: posix_spawn_file_actions_t())
        unsafe self.attributes.initialize(to: posix_spawnattr_t())
        try Self.check(unsafe posix_spawn_file_actions_init(self.actions))
        try Self.check(unsafe posix_spawnattr_init(self.attributes))
    }

    deinit {
        unsafe posix_spawn_file_actions_destroy(self.actions)
        unsafe posix_spawnattr_destroy(self.attributes)
        unsafe self.actions.deallocate()
        unsafe self.attributes.deallocate()
    }

    func setInput(_ stream: ChildProgram.InputStream) throws(Failure) {
        switch stream {
        case .nothing: try self.open("/dev/null", O_RDONLY, as: STDIN_FILENO)
        case .file(let path): try self.open(path, O_RDONLY, as: STDIN_FILENO)
        case .descriptor(let descriptor): try self.duplicate(descriptor, as: STDIN_FILENO)
        }
    }

    func setOutput(_ stream: ChildProgram.OutputStream, as number: CInt) throws(Failure) {
        switch stream {
        case .nothing: try self.open("/dev/null", O_WRONLY, as: number)
        case .inherited: return
        case .file(let path): try self.open(path, O_WRONLY | O_CREAT | O_TRUNC, as: number)
        case .descriptor(let descriptor): try self.duplicate(descriptor, as: number)
        }
    }

    /// Lets nothing of this process but its standard streams reach the program.
    ///
    /// To be called after the streams are set, for everything from descriptor 3 on is closed.
    func isolate() throws(Failure) {
        try Self.check(unsafe clinux_spawn_closing_from(self.actions, STDERR_FILENO + 1))
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        try Self.check(unsafe posix_spawnattr_setsigmask(self.attributes, &signals))
        unsafe sigfillset(&signals)
        try Self.check(unsafe posix_spawnattr_setsigdefault(self.attributes, &signals))
        try Self.check(unsafe posix_spawnattr_setpgroup(self.attributes, 0))
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        try Self.check(unsafe posix_spawnattr_setflags(self.attributes, Int16(flags)))
    }

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - program: A path, or a name to look up in `PATH`.
    ///   - arguments: All of them, the program's name first.
    ///   - environment: As `NAME=value`.
    /// - Returns: The number of the process.
    func start(_ program: String, _ arguments: [String], environment: [String]) throws(Failure) -> Int32 {
        var arguments = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var environment = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            unsafe arguments.forEach { unsafe free($0) }
            unsafe environment.forEach { unsafe free($0) }
        }
        var pid: pid_t = 0
        try Self.check(unsafe posix_spawnp(&pid, program, self.actions, self.attributes, &arguments, &environment))
        return pid
    }

    private func open(_ path: String, _ flags: CInt, as number: CInt) throws(Failure) {
        try Self.check(unsafe posix_spawn_file_actions_addopen(self.actions, number, path, flags, 0o600))
    }

    private func duplicate(_ descriptor: CInt, as number: CInt) throws(Failure) {
        try Self.check(unsafe posix_spawn_file_actions_adddup2(self.actions, descriptor, number))
    }

    private static func check(_ code: Int32) throws(Failure) {
        guard code == 0 else { throw Failure(code: code) }
    }
}
