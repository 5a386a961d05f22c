import Glibc

/// The names of users and groups, as this machine knows them.
enum AccountNames {
    private static let initialBufferBytes = 1_024
    private static let maxBufferBytes = 1 << 20

    /// The name of a user; nil when the number has none.
    static func user(_ uid: UInt32) -> String? {
        unsafe self.lookUp { buffer, size in
            var entry = unsafe passwd()
            var result: UnsafeMutablePointer<passwd>?
            let code = unsafe getpwuid_r(uid, &entry, buffer, size, &result)
            return (code, unsafe result.flatMap { unsafe $0.pointee.pw_name }.map { unsafe String(cString: $0) })
        }
    }

    /// The name of a group; nil when the number has none.
    static func group(_ gid: UInt32) -> String? {
        unsafe self.lookUp { buffer, size in
            var entry = unsafe Glibc.group()
            var result: UnsafeMutablePointer<Glibc.group>?
            let code = unsafe getgrgid_r(gid, &entry, buffer, size, &result)
            return (code, unsafe result.flatMap { unsafe $0.pointee.gr_name }.map { unsafe String(cString: $0) })
        }
    }

    /// Repeats a look-up with more memory until its answer fits.
    private static func lookUp(_ body: (UnsafeMutablePointer<CChar>, Int) -> (CInt, String?)) -> String? {
        var size = self.initialBufferBytes
        while size <= self.maxBufferBytes {
            let (code, name): (CInt, String?) = unsafe withUnsafeTemporaryAllocation(
                of: CChar.self, capacity: size
            ) { buffer in
                guard let base = buffer.baseAddress else { return (ENOMEM, nil) }
                return unsafe body(base, size)
            }
            guard code == ERANGE else { return code == 0 ? name : nil }
            size *= 4
        }
        return nil
    }
}
