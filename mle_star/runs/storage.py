"""Trouble with the disk below a run, told apart from mistakes and said in one sentence.

A full disk must end the run where it stands, not count as a failure of the step that met it: the
run then goes on later as if nothing had happened.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mle_star.errors import RunError, SandboxUnavailable

LEAST_FREE_MB = 1.0
"""Below so much free space a script that failed may have failed for want of it."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_SQLITE = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "closed",
    sqlite3.SQLITE_CANTOPEN: "closed",
    sqlite3.SQLITE_IOERR: "broken",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}


def is_storage_error(error: BaseException, folder: Path) -> bool:
    """Whether an exception says that the run folder can't be written or read just now."""
    return bool(_kind(error, folder))


@contextmanager
def in_one_sentence(folder: Path) -> Iterator[None]:
    """Turn trouble with the run folder's disk into a :class:`RunError` that says the remedy."""
    try:
        yield
    except SandboxUnavailable as error:  # no script could be started: for want of space?
        cause = error.__cause__
        if not isinstance(cause, OSError) or not (kind := _kind(cause, folder)):
            raise
        raise RunError(_sentence(kind, cause, folder)) from error
    except (OSError, sqlite3.Error) as error:
        if not (kind := _kind(error, folder)):
            raise
        raise RunError(_sentence(kind, error, folder)) from error


def refuse_full_disk(folder: Path) -> None:
    """End the run where the disk is full, as what failed just now may have failed for that.

    Raises:
        RunError: less than 1 MiB is free.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < LEAST_FREE_MB * 1024 * 1024:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise RunError(_sentence("full", full, folder))


def _kind(error: BaseException, folder: Path) -> str:
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(getattr(error, "sqlite_errorcode", -1) & 0xFF, "")
    if not isinstance(error, OSError):
        return ""
    if error.errno in _FULL:
        return "full"
    if error.errno == errno.EIO:
        return "broken"
    named = error.filename if isinstance(error.filename, str | os.PathLike) else ""
    ours = error.errno == errno.EROFS or (named and Path(named).is_relative_to(folder))
    return "closed" if error.errno in _CLOSED and ours else ""


def _sentence(kind: str, error: Exception, folder: Path) -> str:
    said = getattr(error, "strerror", None) or str(error)
    begun = (folder / "run.json").exists()
    go_on = f"then go on with: mle-star resume {folder}" if begun else "then start again."
    return {
        "full": f"There is no space left for the run folder {folder} ({said}): free some, {go_on}",
        "closed": f"The run folder {folder} can't be written ({said}): "
        f"make it writable or copy it to another place, {go_on}",
        "broken": f"The disk of the run folder {folder} failed ({said}): "
        f"see to the disk or copy the folder to another one, {go_on}",
        "locked": f"A database of the run folder {folder} is in use by another program ({said}): "
        f"close what has it open, {go_on}",
        "damaged": f"A database of the run folder {folder} is damaged ({said}): "
        f"mend it with 'mle-star repair {folder}', {go_on}",
    }[kind]
