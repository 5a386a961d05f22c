import Glibc

/// A TCP port that cannot be listened at.
package struct TCPListenError: Error, Hashable {
    package let host: String
    package let port: Int
    /// The error number of the system.
    package let code: Int32

    package init(host: String, port: Int, code: Int32) {
        self.host = host
        self.port = port
        self.code = code
    }
}

extension TCPListenError: CustomStringConvertible {
    package var description: String {
        let address = self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
        return "cannot listen at \(address): " + self.reason
    }

    private var reason: String {
        switch self.code {
        case EADDRINUSE: "the address is in use by another process: stop that, or choose another port"
        case EADDRNOTAVAIL: "this machine has no such address: choose one of its own, or 0.0.0.0 for all of them"
        case EACCES: "permission denied: ports below 1024 need CAP_NET_BIND_SERVICE; choose another port"
        // glibc returns a constant for codes it knows.
        default: unsafe String(cString: strerror(self.code))
        }
    }
}
