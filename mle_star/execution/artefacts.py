"""Collecting what a script left in ``final/``, without trusting any of it.

Only regular files with one link are taken; links, pipes, devices and the rest are removed, so that
nobody who reads the folder later is led to a file outside it or waits for ever on a pipe.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from mle_star.execution.base import Artefact
from mle_star.execution.disk import remove

_DEPTH = 8
_MOST = 10_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


@dataclass
class Collection:
    """Files taken and files refused, by path relative to the job folder."""

    artefacts: dict[str, Artefact] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Path -> what it is instead of a plain file, as a noun phrase."""


def collect(folder: Path, limit_mb: float | None) -> Collection:
    """Take every regular file below ``folder/final`` up to the size limit, with its hash."""
    found = Collection()
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return found
    try:
        _Walk(folder, found, limit_mb).folder(top, "final", "final", 0)
    finally:
        os.close(top)
    return found


def digest(path: Path) -> tuple[str, int] | None:
    """sha256 and size of a regular file; None when it is not one."""
    try:
        descriptor = os.open(path, _FILE)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        return _hash(descriptor, status.st_size) if stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(descriptor)


def _hash(descriptor: int, size: int) -> tuple[str, int]:
    """Hash and length; of a file that grows meanwhile no more than a MiB beyond its size."""
    total, state = 0, hashlib.sha256()
    while total <= size and (chunk := os.read(descriptor, 1 << 20)):
        state.update(chunk)
        total += len(chunk)
    return state.hexdigest(), total


@dataclass
class _Walk:
    """Goes down by descriptors: no path is resolved twice, so none can be swapped in between."""

    root: Path
    found: Collection
    limit_mb: float | None
    seen: int = 0

    def folder(self, parent: int, name: str, path: str, depth: int) -> None:
        try:
            here = os.open(name, _FOLDER, dir_fd=parent)
        except OSError:
            self.refuse(parent, name, path, "not a folder that can be read")
            return
        try:
            with os.scandir(here) as entries:
                names = [e.name for e in itertools.islice(entries, _MOST - self.seen + 1)]
            self.seen += len(names)
            if self.seen <= _MOST:
                for entry in sorted(names):
                    self.entry(here, entry, f"{path}/{entry}", depth + 1)
                return
        finally:
            os.close(here)
        self.seen -= len(names)
        self.refuse(parent, name, path, f"a folder that brings the files to more than {_MOST:,}")

    def entry(self, parent: int, name: str, path: str, depth: int) -> None:
        kind = stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        if kind == stat.S_IFDIR and depth <= _DEPTH:
            self.folder(parent, name, path, depth)
        elif kind == stat.S_IFREG:
            self.file(parent, name, path)
        else:
            self.refuse(parent, name, path, _KINDS.get(kind, "no plain file"))

    def file(self, parent: int, name: str, path: str) -> None:
        try:
            descriptor = os.open(name, _FILE, dir_fd=parent)
        except OSError:
            self.refuse(parent, name, path, "a file that can't be read")
            return
        try:
            status = os.fstat(descriptor)
            if status.st_nlink != 1:
                self.refuse(parent, name, path, "a hard link to another file")
            elif self.limit_mb is not None and status.st_size > self.limit_mb * 1024 * 1024:
                self.refuse(parent, name, path, f"larger than {self.limit_mb:g} MiB")
            else:
                sha256, size = _hash(descriptor, status.st_size)
                self.found.artefacts[path] = Artefact(self.root / path, sha256, size)
        finally:
            os.close(descriptor)

    def refuse(self, parent: int, name: str, path: str, what: str) -> None:
        self.found.refused[path] = what
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                remove(self.root / path)
            else:
                os.unlink(name, dir_fd=parent)
