#ifndef SIGNET_CLINUX_H
#define SIGNET_CLINUX_H

// What Swift cannot reach of Linux by itself: system calls without a wrapper in older C libraries, a socket option
// that older headers lack, and structures that are hidden behind feature macros.

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// The numbers are the same on x86-64 and arm64.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/// SO_PEERPIDFD (Linux 6.5): the pidfd of the process that connected a Unix socket.
enum { clinux_so_peerpidfd = 77 };

/// Who connected a Unix socket, as the kernel recorded it.
struct clinux_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/// Reads SO_PEERCRED. Returns 0, or the error number.
static inline int clinux_peer_credentials_of(int socket, struct clinux_peer_credentials *result) {
    // The layout of the kernel's struct ucred, which glibc hides without _GNU_SOURCE.
    struct { int32_t pid; uint32_t uid; uint32_t gid; } credentials = {0, 0, 0};
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return errno;
    if (length != sizeof credentials) return EINVAL;
    result->pid = credentials.pid;
    result->uid = credentials.uid;
    result->gid = credentials.gid;
    return 0;
}

/// Opens a pidfd of the process at the other end of a Unix socket. Returns the descriptor (close-on-exec), or minus
/// the error number: -ENOPROTOOPT where the kernel is older than 6.5, -ESRCH or -EINVAL where the process is gone.
static inline int clinux_peer_pidfd(int socket) {
    int fd = -1;
    socklen_t length = sizeof fd;
    if (getsockopt(socket, SOL_SOCKET, clinux_so_peerpidfd, &fd, &length) != 0) return -errno;
    return fd;
}

/// Opens a pidfd of a process. Returns the descriptor (close-on-exec), or minus the error number.
static inline int clinux_pidfd_open(int32_t pid) {
    long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0u);
    return fd < 0 ? -errno : (int)fd;
}

/// Sends a signal through a pidfd; signal 0 asks whether the process still exists. Returns 0, or the error number.
static inline int clinux_pidfd_send_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, (void *)0, 0u) != 0 ? errno : 0;
}

/// Clears the process's dumpable flag (prctl has a variable number of arguments): no core of it is made, and other
/// processes of its user may not trace it or read what /proc keeps to those who may. Returns 0, or the error number.
static inline int clinux_set_not_dumpable(void) {
    return prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0 ? errno : 0;
}

// glibc 2.34 has it, and hides it without _GNU_SOURCE.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

/// Has the started program close every descriptor from a number on. Returns 0, or the error number.
static inline int clinux_spawn_closing_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

#endif
