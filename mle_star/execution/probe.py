"""What the system says of single processes: when they started, and what they use.

Linux is read from ``/proc``; elsewhere psutil answers, more slowly.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

import psutil

from mle_star.execution.supervisor import read_stat

LINUX = sys.platform == "linux"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MB = 1024 * 1024


def alive(pid: int, start: int) -> bool:
    """Whether this very process (not a later one with the same pid) runs."""
    if LINUX:
        found = read_stat(pid)
        return found is not None and found[1] == start
    return start_time(pid) == start


def start_time(pid: int) -> int:
    """When a process started, in a unit of the platform's own; 0 when it is gone."""
    if LINUX:
        found = read_stat(pid)
        return found[1] if found else 0
    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.Error:
        return 0


def resident_mb(pid: int) -> float:
    """Memory of a process, pages it shares with others included, in MiB; 0 when it is gone."""
    if not LINUX:
        try:
            return float(psutil.Process(pid).memory_info().rss) / _MB
        except psutil.Error:
            return 0.0
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:  # noqa: PTH123
            return int(stream.read().split()[1]) * _PAGE / _MB
    except (OSError, IndexError):
        return 0.0


def proportional_mb(pid: int, field: bytes = b"Pss:") -> float:
    """Memory of a process, with its part of what it shares, in MiB; or one kind of that memory."""
    if LINUX:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:  # noqa: PTH123
                for line in stream:
                    if line.startswith(field):
                        return int(line.split()[1]) / 1024
        except OSError:
            pass
    return resident_mb(pid) if field == b"Pss:" else 0.0


def psutil_cpu(pids: Iterable[int]) -> float:
    """Seconds of processor time that these processes have used."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system
    return total
