import Glibc
import PeerTransport
import TestSupport
import Testing

@Suite("Unix sockets", .timeLimit(.minutes(1)))
struct UnixListenerTests {
    /// Runs a server at a path while `body` runs.
    private func serving(
        _ path: String, socketMode: UInt32 = 0o600, directoryMode: UInt32 = 0o750,
        _ body: () async throws -> Void = {}
    ) async throws {
        var routes = RPCRoutes()
        routes.serveEcho()
        let server = RPCServer(
            listeners: [
                RPCListener(
                    .unix(path: path, socketMode: socketMode, directoryMode: directoryMode), routes: routes)
            ],
            logger: quietLogger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await server.run() } catch is CancellationError {}
            }
            _ = try await server.boundAddress(of: 0)
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test(
        "missing directories are made, and the socket has the mode it is given",
        arguments: [(0o660, 0o750), (0o777, 0o755)])
    func modes(socket: UInt32, directory mode: UInt32) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("a/b/test.sock")
            try await self.serving(path, socketMode: socket, directoryMode: mode) {
                let modes = try ["a", "a/b", "a/b/test.sock"].map { try directory.mode(of: $0) }
                // What is above may hold other sockets, which other users must reach.
                #expect(modes == [0o755, Int(mode), Int(socket)])
                #expect(try FileNames.list(directory.path("a/b")) == ["test.sock"])
            }
            #expect(try FileNames.list(directory.path("a/b")).isEmpty)
        }
    }

    @Test("a directory that others may write to is refused", arguments: [0o770, 0o757, 0o1777])
    func writableDirectory(mode: Int) async throws {
        try await withTemporaryDirectory { directory in
            try directory.makeDirectory("open", mode: mode)
            let path = directory.path("open")
            await #expect(throws: UnixSocketError.directoryWritableByOthers(path, mode: UInt32(mode))) {
                try await self.serving(path + "/test.sock")
            }
        }
    }

    @Test("a directory of another user is refused", .enabled(if: geteuid() == 0, "only root can give a directory away"))
    func foreignDirectory() async throws {
        try await withTemporaryDirectory { directory in
            try directory.makeDirectory("theirs", mode: 0o755)
            let path = directory.path("theirs")
            #expect(unsafe chown(path, 12_345, 12_345) == 0)
            await #expect(throws: UnixSocketError.directoryOwnedByAnother(path, uid: 12_345)) {
                try await self.serving(path + "/test.sock")
            }
        }
    }

    @Test("a socket that nobody listens at is replaced")
    func stale() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("test.sock")
            try directory.makeStaleSocket("test.sock")
            try await self.serving(path) {
                try await RawConnection.open(path) { connection in
                    let frame = try await connection.next()
                    #expect(frame?.kind == .settings)
                }
            }
        }
    }

    @Test("a socket that somebody listens at is left alone")
    func inUse() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("test.sock")
            try await self.serving(path) {
                await #expect(throws: UnixSocketError.inUse(path)) { try await self.serving(path) }
                try await RawConnection.open(path) { connection in
                    let frame = try await connection.next()
                    #expect(frame?.kind == .settings)
                }
            }
        }
    }

    @Test("a socket that cannot be connected for any reason but that nobody listens is left alone")
    func unclear() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("test.sock")
            // Somebody receives datagrams there.
            let descriptor = try directory.bindSocket("test.sock", kind: SOCK_DGRAM)
            defer { close(descriptor) }
            await #expect(throws: UnixSocketError.systemCall("connect", path: path, errno: EPROTOTYPE)) {
                try await self.serving(path)
            }
            #expect(try directory.names() == ["test.sock"])
        }
    }

    @Test("a file that is no socket is left alone")
    func notASocket() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array("precious".utf8), to: "test.sock")
            await #expect(throws: UnixSocketError.notASocket(path)) { try await self.serving(path) }
            #expect(try directory.read("test.sock") == Array("precious".utf8))
        }
    }

    @Test(
        "a path that a socket address cannot hold is refused",
        arguments: ["relative.sock", "/", "/tmp/" + String(repeating: "x", count: 102)])
    func path(path: String) async {
        await #expect(throws: UnixSocketError.invalidPath(path)) { try await self.serving(path) }
    }

    @Test("a socket that another server has put in place of ours is left alone at the end")
    func replaced() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path("test.sock")
            try await self.serving(path) {
                #expect(unsafe unlink(path) == 0)
                try directory.makeStaleSocket("test.sock")
            }
            #expect(try directory.names() == ["test.sock"])
        }
    }
}

extension TemporaryDirectory {
    fileprivate func makeDirectory(_ name: String, mode: Int) throws {
        let path = self.path(name)
        #expect(unsafe mkdir(path, 0o700) == 0)
        #expect(unsafe chmod(path, UInt32(mode)) == 0)
    }

    /// Leaves a socket file as a process that was killed does.
    fileprivate func makeStaleSocket(_ name: String) throws {
        close(try self.bindSocket(name, kind: SOCK_STREAM))
    }

    /// Binds a socket, which the caller closes.
    fileprivate func bindSocket(_ name: String, kind: __socket_type) throws -> CInt {
        let path = self.path(name)
        let descriptor = socket(AF_UNIX, Int32(kind.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
        return descriptor
    }
}
