"""Seeing harm: files that are not as they were, processes that live on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import psutil


def look(path: Path) -> object:
    """What must not change of a file or folder; equal values mean that it did not."""
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        return os.readlink(path)  # noqa: PTH115
    if kind != stat.S_IFREG:
        return status.st_mode
    with path.open("rb") as stream:
        start = hashlib.sha256(stream.read(1 << 16)).hexdigest()
    return status.st_mode, status.st_size, status.st_mtime_ns, start


def carrying(token: str) -> list[psutil.Process]:
    """Processes with a token in their environment, command line or working folder."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if any(token in text for text in _facts(process)):
                found.append(process)
    return found


def _facts(process: psutil.Process) -> list[str]:
    facts: list[str] = []
    with contextlib.suppress(psutil.Error, OSError):
        facts += process.cmdline()
    with contextlib.suppress(psutil.Error, OSError):
        environment: Mapping[str, str] = process.environ()
        facts += environment.values()
    with contextlib.suppress(psutil.Error, OSError):
        facts.append(process.cwd())
    return facts
