"""What this machine has to give: cores and memory, as far as a container lets us use them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_MB = 1024 * 1024


def usable_cores() -> list[int]:
    """Numbers of the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_memory_mb() -> float:
    """Memory that can be taken without swapping, in MiB; a control group's limit counts."""
    free = psutil.virtual_memory().available / _MB
    return min([free, *_group_free()])


def oom_kills() -> int:
    """How often the kernel killed a process for want of memory since boot; 0 if it does not say."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(x.split()[1]) for x in text.splitlines() if x.startswith("oom_kill ")), 0)


def share_cores(cores: list[int], wanted: list[int]) -> list[frozenset[int]]:
    """Divide cores among jobs: disjoint sets as even as can be, in the order of the jobs.

    Args:
        cores: the cores there are.
        wanted: cores promised to each job; where they don't suffice, sets overlap.
    """
    if not wanted:
        return []
    sizes = [min(want, len(cores)) for want in wanted]
    for _ in range(len(cores) - sum(sizes)):
        sizes[sizes.index(min(sizes))] += 1
    shares, start = [], 0
    for size in sizes:
        shares.append(frozenset(cores[(start + i) % len(cores)] for i in range(size)))
        start += size
    return shares


def _group_free() -> list[float]:
    """MiB left below the memory limits of this process's control groups (v2 and v1)."""
    found: list[float] = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        _, names, path = line.split(":", 2)
        if names == "":
            folder, limit, used = Path("/sys/fs/cgroup"), "memory.max", "memory.current"
        elif "memory" in names.split(","):
            folder = Path("/sys/fs/cgroup/memory")
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        for group in (folder / path.lstrip("/"), folder):
            try:
                most = (group / limit).read_text(encoding="ascii").strip()
                now = (group / used).read_text(encoding="ascii").strip()
            except OSError:
                continue
            if most != "max":
                found.append(max(0.0, (int(most) - int(now)) / _MB))
            break
    return found
