"""One process drives a run; others can see whether one does.

The lock is the kernel's, so it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mle_star.errors import RunError

LOCK = "lock"
_PATIENCE = 0.5
"""Seconds to wait for a lock: somebody may only be looking whether it is held."""
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep a second process from driving the same run.

    Raises:
        RunError: another process drives it.
        OSError: the folder can't be written.
    """
    with (folder / LOCK).open("a") as stream:
        deadline = time.monotonic() + _PATIENCE
        while not _try_lock(stream.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise RunError(
                    f"{folder.name} is being run by another process: wait for it or stop it."
                )
            time.sleep(0.05)
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(stream.fileno(), 0)
            os.write(stream.fileno(), f"{os.getpid()} {socket.gethostname()}\n".encode())
        yield


def is_driven(folder: Path) -> bool | None:
    """Whether a process drives the run now; None for a run that takes no lock (Studio's)."""
    try:
        with (folder / LOCK).open("rb") as stream:
            return not _try_lock(stream.fileno(), fcntl.LOCK_SH)
    except OSError:
        return None


def driver_of(folder: Path) -> int | None:
    """Number of the process that drives the run now.

    None where nobody does, where it is on another machine, and for a run that takes no lock.
    """
    if not is_driven(folder):
        return None
    number, _, host = (folder / LOCK).read_text(errors="replace").strip().partition(" ")
    return int(number) if number.isdecimal() and host == socket.gethostname() else None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True
