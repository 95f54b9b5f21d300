"""Measuring and removing folders that a script filled, however it filled them."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_DEEPEST = 64
"""Levels of folders that are gone down; what is deeper could hide anything."""
_ENTRY = 1024
"""Bytes that every file counts at least: empty ones take an inode and an entry."""
_SPARED = ("input", "stdout.log", "stderr.log")
_MB = 1024 * 1024


def used_mb(folder: Path, enough: float = math.inf) -> float:
    """Disk space below a job folder in MiB, without input and logs; links are not followed.

    Args:
        folder: where to begin.
        enough: past so many MiB counting may end.

    Returns:
        The space; infinite where folders are nested more than 64 deep.
    """
    try:
        top = os.open(folder, _FOLDER)
    except OSError:
        return 0.0
    try:
        return _used(top, 0, enough * _MB) / _MB
    finally:
        os.close(top)


def _used(here: int, depth: int, enough: float) -> float:
    if depth > _DEEPEST:
        return math.inf
    total = 0.0
    with contextlib.suppress(OSError), os.scandir(here) as entries:
        for entry in entries:
            if total > enough:
                break
            if depth == 0 and entry.name in _SPARED:
                continue
            with contextlib.suppress(OSError):
                total += max(_ENTRY, entry.stat(follow_symlinks=False).st_blocks * 512)
                if entry.is_dir(follow_symlinks=False):
                    inner = os.open(entry.name, _FOLDER, dir_fd=here)
                    try:
                        total += _used(inner, depth + 1, enough - total)
                    finally:
                        os.close(inner)
    return total


def held_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Removed files that these processes hold open (Linux): MiB on disk, and MiB in memory."""
    disk: dict[tuple[int, int], int] = {}
    memory: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                with contextlib.suppress(OSError):
                    path = f"/proc/{pid}/fd/{name}"
                    status = os.stat(path)  # noqa: PTH116
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        # Files of memfd_create have never had a name in any folder.
                        kind = memory if os.readlink(path).startswith("/memfd:") else disk  # noqa: PTH115
                        kind[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(disk.values()) / _MB, sum(memory.values()) / _MB


def reopen(folder: Path) -> None:
    """Give a folder back the modes that a script may have taken from it, so that it can be read."""
    with contextlib.suppress(OSError):
        if not folder.is_symlink():
            folder.chmod(0o755)


def remove(path: Path) -> None:
    """Delete a file or a whole folder without following links, whatever its modes and depth.

    Nobody may write there meanwhile.

    Raises:
        OSError: something can't be deleted.
    """
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        _remove_level_by_level(path)


def _remove_level_by_level(path: Path) -> None:
    """Lift every inner folder up to the top until all are empty: no path grows, none is walked."""
    path.chmod(stat.S_IRWXU)
    top = os.open(path, _FOLDER)
    try:
        while names := os.listdir(top):  # noqa: PTH208
            for name in names:
                if not _is_folder(name, top):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, stat.S_IRWXU, dir_fd=top)
                _empty(name, top)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    path.rmdir()


def _empty(name: str, top: int) -> None:
    here = os.open(name, _FOLDER, dir_fd=top)
    try:
        for inner in os.listdir(here):  # noqa: PTH208
            if not _is_folder(inner, here):
                os.unlink(inner, dir_fd=here)
                continue
            os.chmod(inner, stat.S_IRWXU, dir_fd=here)
            os.rename(inner, secrets.token_hex(16), src_dir_fd=here, dst_dir_fd=top)
    finally:
        os.close(here)


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
