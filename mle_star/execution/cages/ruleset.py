"""Landlock by system calls: what the kernel offers, and shutting this thread in.

Only the standard library, and nothing newer than Python 3.8: it also runs inside a cage, under the
interpreter of the scripts. Numbers are those of ``linux/landlock.h``; the three system calls have
the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_REG = 1 << 5, 1 << 8
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | _IOCTL_DEV

RIGHTS = {
    "read": READ_FILE | READ_DIR,
    "run": READ_FILE | READ_DIR | EXECUTE,
    "write": ((1 << 16) - 1) & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV),
    # Shared memory of others has names that can't be guessed: so nobody may list them.
    "memory": READ_FILE | WRITE_FILE | TRUNCATE | REMOVE_FILE | MAKE_REG,
    "device": READ_FILE | WRITE_FILE | READ_DIR | _IOCTL_DEV,
}
"""Kind of access -> rights below a path."""

_FIRST_WITH = {_REFER: 2, TRUNCATE: 3, _IOCTL_DEV: 5}
"""Right -> first version of the interface that knows it."""
NETWORK_SINCE, SCOPES_SINCE = 4, 6
_NETWORK = 0b11  # bind and connect of TCP
_SCOPES = 0b11  # abstract sockets and signals


def version() -> int:
    """Version of the interface; 0 when the kernel has none or was started without it."""
    try:
        answer = int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, 0, _VERSION))
    except (OSError, AttributeError):
        return 0
    return max(0, answer)


def why_not() -> str:
    """What the kernel says when it is asked for the version; empty when there is one."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(_CREATE, None, 0, _VERSION) > 0:
        return ""
    return errno.errorcode.get(ctypes.get_errno(), "unknown")


def handled(abi: int) -> int:
    """Every right to files that this version can withhold."""
    rights = (1 << 13) - 1
    for right, first in _FIRST_WITH.items():
        if abi >= first:
            rights |= right
    return rights


def restrict(access: dict[str, list[str]], abi: int, network: bool) -> None:
    """Shut this thread, and whatever it starts, in for ever.

    Args:
        access: kind of :data:`RIGHTS` -> paths; those that don't exist are left out.
        abi: version to use, at most that of the kernel.
        network: whether to forbid TCP as well.

    Raises:
        OSError: the kernel refuses; nothing may be run then.
    """
    fields = [handled(abi)]
    if abi >= NETWORK_SINCE:
        fields.append(_NETWORK if network else 0)
    if abi >= SCOPES_SINCE:
        fields.append(_SCOPES)
    ruleset = _call(_CREATE, struct.pack(f"={len(fields)}Q", *fields), 8 * len(fields), 0)
    try:
        for kind, paths in access.items():
            _allow(ruleset, paths, RIGHTS[kind] & fields[0])
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, paths: list[str], rights: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            folder = os.fstat(descriptor).st_mode & 0o170000 == 0o040000
            allowed = rights if folder else rights & _OF_FILES
            _call(_ADD, ruleset, 1, struct.pack("=Qi", allowed, descriptor), 0)
        finally:
            os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    converted = [
        ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a)  # type: ignore[arg-type]
        for a in arguments
    ]
    answer = int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *converted))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return answer
