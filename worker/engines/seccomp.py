"""Which system calls a program in a container may make: what computing needs, and nothing else.

A list of what is allowed, for the machine's own word size; what a newer kernel brings is answered
"not there" until somebody adds it here. The aim is that a program meets little of the kernel: no
namespaces, no new mounts, no io_uring, no bpf, no keys, no tracing.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

_ALLOWED = {
    "files": """
        access faccessat faccessat2 open openat openat2 creat close close_range read readv pread64
        preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek stat lstat fstat newfstatat statx
        statfs fstatfs ustat truncate ftruncate fallocate fadvise64 readahead sync syncfs fsync
        fdatasync sync_file_range flock fcntl dup dup2 dup3 ioctl umask cachestat
        getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename renameat renameat2
        link linkat unlink unlinkat symlink symlinkat readlink readlinkat mknod mknodat
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat
        getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat
        setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
        sendfile copy_file_range splice tee inotify_init inotify_init1 inotify_add_watch
        inotify_rm_watch
    """,
    "waiting": """
        poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
        epoll_pwait2 eventfd eventfd2 pipe pipe2 io_setup io_submit io_cancel io_getevents
        io_pgetevents io_destroy
    """,
    "memory": """
        brk mmap munmap mremap mprotect madvise process_madvise mincore msync mlock mlock2 mlockall
        munlock munlockall remap_file_pages membarrier memfd_create memfd_secret mseal
        pkey_alloc pkey_free pkey_mprotect map_shadow_stack process_vm_readv process_vm_writev
    """,
    "processes": """
        fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill getpid getppid
        gettid getpgid setpgid getpgrp getsid setsid getrusage getrlimit setrlimit prlimit64 times
        prctl arch_prctl personality restart_syscall rseq set_tid_address set_robust_list
        get_robust_list futex futex_waitv futex_wait futex_wake futex_requeue kcmp
        pidfd_open pidfd_send_signal pidfd_getfd process_mrelease getpriority setpriority ioprio_get
        ioprio_set sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr
        sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max
        sched_get_priority_min sched_rr_get_interval getcpu seccomp landlock_create_ruleset
        landlock_add_rule landlock_restrict_self uretprobe
    """,
    "signals": """
        rt_sigaction rt_sigprocmask rt_sigpending rt_sigreturn rt_sigsuspend rt_sigtimedwait
        rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack signalfd signalfd4 pause
    """,
    "users": """
        getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid
        setresuid setresgid setfsuid setfsgid setgroups capget capset
    """,
    "time": """
        time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer
        setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
        timerfd_create timerfd_settime timerfd_gettime
    """,
    "talking": """
        socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt
        setsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg msgget msgsnd msgrcv msgctl
        semget semop semtimedop semctl shmget shmat shmdt shmctl mq_open mq_unlink mq_timedsend
        mq_timedreceive mq_notify mq_getsetattr
    """,
    "the rest": "uname sysinfo getrandom",
}

_FORBIDDEN = """
    io_uring_setup io_uring_enter io_uring_register bpf perf_event_open userfaultfd ptrace
    add_key request_key keyctl unshare setns mount umount2 move_mount open_tree fsopen fsconfig
    fsmount fspick mount_setattr pivot_root chroot name_to_handle_at open_by_handle_at
    fanotify_init fanotify_mark quotactl quotactl_fd swapon swapoff syslog acct reboot
    kexec_load kexec_file_load init_module finit_module delete_module iopl ioperm modify_ldt
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup
    mbind set_mempolicy get_mempolicy set_mempolicy_home_node migrate_pages move_pages
    lookup_dcookie vmsplice
"""
"""Answered "not permitted", as without the right to it; everything unnamed is "not there"."""

_NEW_NAMESPACES = 0x7E020000
"""Every flag of clone that makes a namespace."""
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_NETLINK_ROUTE = 0


def profile() -> str:
    """Return the profile as JSON text, which is what Docker takes."""
    return _TEXT


def write_profile(path: Path) -> Path:
    """Write the profile to a file, which is what Podman takes; return the path."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(_TEXT, encoding="utf-8")
    draft.replace(path)
    return path


def _rule(names: str, error: int = 0, args: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    action = {"action": "SCMP_ACT_ERRNO", "errnoRet": error} if error else {"action": _ALLOW}
    return {"names": names.split(), **action, "args": args or []}


def _is(index: int, value: int) -> dict[str, Any]:
    return {"index": index, "value": value, "op": "SCMP_CMP_EQ"}


_ALLOW = "SCMP_ACT_ALLOW"
_NO_NAMESPACE = {
    "index": 0, "value": _NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ",
}  # fmt: skip
_PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": errno.ENOSYS,
    "syscalls": [
        *(_rule(names) for names in _ALLOWED.values()),
        _rule("clone", args=[_NO_NAMESPACE]),
        # Its flags lie in memory, where no filter can look; libraries fall back to clone.
        _rule("clone3", error=errno.ENOSYS),
        *(_rule("socket", args=[_is(0, family)]) for family in (_UNIX, _INET, _INET6)),
        _rule("socket", args=[_is(0, _NETLINK), _is(2, _NETLINK_ROUTE)]),
        _rule(_FORBIDDEN, error=errno.EPERM),
    ],
}
_TEXT = json.dumps(_PROFILE)
