"""The system call filter (seccomp) as a classic BPF program, for x86-64 and aarch64.

A deny-list: the file and network walls are made of namespaces and Landlock; the filter takes away
what goes around them (other processes' memory, new namespaces, old kernel interfaces that had many
holes). Only the standard library, and nothing newer than Python 3.8: it also runs inside a cage.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; arguments are 8 bytes each
_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}
_NONE = -1

# Name -> number on x86-64 and on aarch64. From 424 on, numbers are the same everywhere.
_BOTH = (
    "pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen "
    "fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 "
    "process_madvise epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset "
    "landlock_add_rule landlock_restrict_self memfd_secret process_mrelease futex_waitv "
    "set_mempolicy_home_node cachestat fchmodat2"
)
_NEWEST = 452
"""Later calls are answered as by an older kernel, whatever they will be able to do."""
NUMBERS = {
    **{name: (424 + i, 424 + i) for i, name in enumerate(_BOTH.split())},
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "clone": (56, 220),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "fanotify_init": (300, 262),
    "modify_ldt": (154, _NONE),
    "ioperm": (173, _NONE),
    "iopl": (172, _NONE),
    "ioctl": (16, 29),
    "socket": (41, 198),
    "prlimit64": (302, 261),
    "truncate": (76, 45),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "chmod": (90, _NONE),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "utime": (132, _NONE),
    "utimes": (235, _NONE),
    "futimesat": (261, _NONE),
    "utimensat": (280, 88),
    "chown": (92, _NONE),
    "fchown": (93, 55),
    "lchown": (94, _NONE),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "inotify_add_watch": (254, 27),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}

_NEVER = (
    "ptrace process_vm_readv process_vm_writev kcmp keyctl add_key request_key bpf "
    "perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register mount umount2 "
    "pivot_root chroot setns unshare open_tree move_mount fsopen fsconfig fsmount fspick "
    "mount_setattr kexec_load kexec_file_load init_module finit_module delete_module reboot "
    "swapon swapoff acct quotactl quotactl_fd open_by_handle_at syslog settimeofday "
    "clock_settime fanotify_init pidfd_getfd process_madvise modify_ldt ioperm iopl "
    # Shared memory of the old kind, which nobody counts unless it is mapped, and queues.
    "shmget shmat shmctl semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open "
    "mq_unlink"
)
# Where the machine's files and processes are in sight, these reach what Landlock does not guard.
_SHARED = (
    "chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr "
    "fremovexattr inotify_add_watch"
)
# Copying a file sets its mode and times: that does nothing then, rather than fail.
_IGNORED = "chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat"

_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone() takes
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_ANY_PERSONALITY, _EVERYBODY = 0xFFFFFFFF, 0xFFFFFFFF


def supported() -> bool:
    """Whether this machine's system call numbers are known here."""
    return os.uname().machine in _ARCHES


def program(
    families: list[int], *, shared: bool, abi: int, spare: list[int]
) -> list[tuple[int, int, int, int]]:
    """Assemble the filter.

    Args:
        families: socket families that may be opened.
        shared: whether the script sees the machine's own files and processes (no namespaces).
        abi: Landlock's version, for what an older one leaves open.
        spare: processes, and their groups, that must not be signalled.
    """
    column = _COLUMN[os.uname().machine]
    code = _prologue()
    for name in (_NEVER + " " + _SHARED if shared else _NEVER).split():
        code += _deny(NUMBERS[name][column], errno.EPERM)
    if shared:
        for name in _IGNORED.split():
            code += _deny(NUMBERS[name][column], 0)
        # A limit of another process is set by its number; one's own by 0.
        code += _unless(NUMBERS["prlimit64"][column], 0, [0], errno.EPERM)
        if abi < 3:
            code += _deny(NUMBERS["truncate"][column], errno.EPERM)
        code += _protect(spare, column)
    # The flags of clone3 lie in memory, where a filter can't look: the C library then uses clone.
    code += _deny(NUMBERS["clone3"][column], errno.ENOSYS)
    code += [(_JEQ, 0, 4, NUMBERS["clone"][column]), (_LOAD, 0, 0, _ARGUMENT)]
    code += [(_JSET, 0, 1, _NAMESPACES), (_RET, 0, 0, _ERRNO | errno.EPERM), (_LOAD, 0, 0, _NUMBER)]
    code += _unless(NUMBERS["personality"][column], 0, [0, _ANY_PERSONALITY], errno.EPERM)
    code += _if(NUMBERS["ioctl"][column], 1, [_TIOCSTI, _TIOCLINUX], errno.EPERM)
    refusal = errno.EAFNOSUPPORT if families else errno.EPERM
    code += _unless(NUMBERS["socket"][column], 0, families, refusal)
    return [*code, (_RET, 0, 0, _ALLOW)]


def load(code: list[tuple[int, int, int, int]]) -> None:
    """Put this thread, and whatever it starts, under a filter for ever.

    Raises:
        OSError: the kernel refuses; nothing may be run then.
    """
    text = b"".join(struct.pack("=HBBI", *step) for step in code)
    memory = ctypes.create_string_buffer(text, len(text))
    head = struct.pack("@HP", len(code), ctypes.addressof(memory))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(22, 2, ctypes.c_char_p(head), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _prologue() -> list[tuple[int, int, int, int]]:
    """Only this architecture's own calls; the accumulator then holds the call's number."""
    refuse = (_RET, 0, 0, _ERRNO | errno.ENOSYS)
    code: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _ARCH)]
    code += [(_JEQ, 1, 0, _ARCHES[os.uname().machine]), refuse, (_LOAD, 0, 0, _NUMBER)]
    return [*code, (_JGE, 0, 1, _NEWEST + 1), refuse]


def _deny(number: int, code: int) -> list[tuple[int, int, int, int]]:
    if number == _NONE:
        return []
    return [(_JEQ, 0, 1, number), (_RET, 0, 0, _ERRNO | code)]


def _if(
    number: int, position: int, values: list[int], code: int
) -> list[tuple[int, int, int, int]]:
    """Deny a call whose argument (its lower half) is among the values."""
    body: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _ARGUMENT + 8 * position)]
    for value in values:
        body += [(_JEQ, 0, 1, value), (_RET, 0, 0, _ERRNO | code)]
    body.append((_LOAD, 0, 0, _NUMBER))
    return [(_JEQ, 0, len(body), number), *body]


def _unless(
    number: int, position: int, values: list[int], code: int
) -> list[tuple[int, int, int, int]]:
    """Deny a call whose argument (its lower half) is not among the values."""
    body: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _ARGUMENT + 8 * position)]
    for i, value in enumerate(values):
        body.append((_JEQ, len(values) - i, 0, value))
    body += [(_RET, 0, 0, _ERRNO | code), (_LOAD, 0, 0, _NUMBER)]
    return [(_JEQ, 0, len(body), number), *body]


def _protect(spare: list[int], column: int) -> list[tuple[int, int, int, int]]:
    """No signal to these processes, to their groups, or to everybody at once."""
    if not spare:
        return []
    numbers = [*spare, *(-pid & 0xFFFFFFFF for pid in spare), _EVERYBODY]
    code = _if(NUMBERS["kill"][column], 0, numbers, errno.EPERM)
    for name in ("tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open"):
        code += _if(NUMBERS[name][column], 0, spare, errno.EPERM)
    return code
