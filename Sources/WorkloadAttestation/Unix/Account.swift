import Glibc

/// A user or a group, by its number.
package enum Account: Hashable, Sendable {
    case user(UInt32)
    case group(UInt32)

    private static let initialBufferBytes = 1_024
    private static let maxBufferBytes = 1 << 20

    /// What this machine says of its name; may ask a directory on the network, and wait for it.
    package var name: AccountName {
        switch self {
        case .user(let uid):
            unsafe Self.lookUp { buffer, size in
                var entry = unsafe passwd()
                var result: UnsafeMutablePointer<passwd>?
                let code = unsafe getpwuid_r(uid, &entry, buffer, size, &result)
                return (code, unsafe result.flatMap { unsafe $0.pointee.pw_name }.map { unsafe String(cString: $0) })
            }
        case .group(let gid):
            unsafe Self.lookUp { buffer, size in
                var entry = unsafe Glibc.group()
                var result: UnsafeMutablePointer<Glibc.group>?
                let code = unsafe getgrgid_r(gid, &entry, buffer, size, &result)
                return (code, unsafe result.flatMap { unsafe $0.pointee.gr_name }.map { unsafe String(cString: $0) })
            }
        }
    }

    /// Repeats a look-up with more memory until its answer fits.
    private static func lookUp(_ body: (UnsafeMutablePointer<CChar>, Int) -> (CInt, String?)) -> AccountName {
        var size = self.initialBufferBytes
        while size <= self.maxBufferBytes {
            let (code, name): (CInt, String?) = unsafe withUnsafeTemporaryAllocation(
                of: CChar.self, capacity: size
            ) { buffer in
                guard let base = buffer.baseAddress else { return (ENOMEM, nil) }
                return unsafe body(base, size)
            }
            switch code {
            case ERANGE: size *= 4
            case 0: return name.map { .name($0) } ?? .none
            // What systems say where there is no such number.
            case ENOENT, ESRCH, EBADF, EPERM: return .none
            default: return .unknown(code: code)
            }
        }
        return .unknown(code: ERANGE)
    }
}

/// The name of an account.
package enum AccountName: Hashable, Sendable {
    case name(String)
    /// The number has no name.
    case none
    /// The machine could not tell; the error number.
    case unknown(code: CInt)
}
