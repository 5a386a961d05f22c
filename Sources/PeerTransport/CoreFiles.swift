import CLinux
import Glibc

/// Keeps the memory of this process, which holds private keys, to itself.
package enum CoreFiles {
    /// Leaves no core file behind a crash, and refuses the memory to other processes of the same user.
    ///
    /// The limit of the size stops the kernel from writing a file, but not from handing a core to a program, as
    /// systemd's; a process that is not dumpable leaves nothing to either, and only root may trace it. Call it at the
    /// start of a program.
    package static func refuse() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = clinux_set_not_dumpable()
    }
}
