"""Level ``bubblewrap``: namespaces in which there is nothing but what the script needs.

No other process, no network, no file beside the system's libraries, the interpreter, the input and
the job's own folder. ``inside.py`` adds the system call filter, and Landlock where the kernel has
it, so that one hole alone is not enough.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from mle_star.errors import SandboxUnavailable
from mle_star.execution.base import Limits
from mle_star.execution.cages import places
from mle_star.execution.cages.base import (
    COUNTED,
    INSIDE,
    Cage,
    Plan,
    Surroundings,
    inside_text,
    shell_status,
)
from mle_star.execution.cages.landlock import access, kernel_abi
from mle_star.execution.evidence import Evidence

_GAPS = (
    *COUNTED,
    "scripts can see what hardware and which kernel the machine has",
    "the kernel is shared: a hole in it is a way out",
)
_UNSIZED = "memory files in /tmp and /dev/shm have no limit (needs bubblewrap 0.7 or newer)"
_GPU = "scripts can use the graphics processor, whose driver is a way to attack the kernel"
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_THREADS_PER_PROCESS = 4
"""RLIMIT_NPROC counts threads; the number of processes is watched from outside."""
_DEFAULT_MEMORY_MB = 1024
_PASSWD = "script:x:{uid}:{gid}:script:/:/bin/false\n"
_GROUP = "script:x:{gid}:\n"


class BubblewrapCage(Cage):
    """``bwrap`` with everything unshared, started by the run's supervisor."""

    name = "bubblewrap"
    keepers = 2  # bwrap itself, and the first process of its namespace
    memory_folders = ("/dev/shm", "/tmp")

    def gaps(self) -> tuple[str, ...]:
        """What namespaces can't stop."""
        gaps = list(_GAPS)
        if bwrap_version() < (0, 7):
            gaps.append(_UNSIZED)
        return (*gaps, _GPU) if places.accelerators() else tuple(gaps)

    def plan(self, around: Surroundings) -> Plan:
        """Build bwrap's command line; its arguments go through a descriptor."""
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxUnavailable("bwrap is not installed: install the package 'bubblewrap'.")
        files = {
            "@args": "\0".join(self._arguments(around)),
            "@passwd": _PASSWD.format(uid=os.getuid(), gid=os.getgid()),
            "@group": _GROUP.format(gid=os.getgid()),
            "@inside": self._inside(around),
        }
        command = [program, "--args", "@args"]
        # Two texts that bwrap reads while it builds the root; the rest is in @args.
        command += ["--perms", "0444"] if bwrap_version() >= (0, 5) else []
        command += ["--ro-bind-data", "@passwd", "/etc/passwd"]
        command += ["--ro-bind-data", "@group", "/etc/group"]
        command += ["--remount-ro", "/", "--"]
        command += [self.python, "-I", "-S", INSIDE, "@inside"]
        return Plan(command, files, announced=True)

    def settle(self, folder: Path, seen: Evidence) -> None:
        """Bwrap ends with 128 + n for a script that signal n ended."""
        if seen.status is not None:
            seen.status = shell_status(seen.status)

    def _inside(self, around: Surroundings) -> str:
        rights = access(self.python, around)
        rights["read"] = ["/"]  # what may not be read is not there
        rights["write"] += ["/tmp", "/dev/shm"]
        rights["device"] += ["/dev/pts", "/dev/ptmx"]
        return inside_text(
            self.script_command,
            around.status,
            access=rights,
            abi=kernel_abi(),
            families=(_UNIX, _INET, _INET6, _NETLINK),
            shared=False,
            processes=_processes(around.limits),
        )

    def _arguments(self, around: Surroundings) -> list[str]:
        words = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        words += ["--cap-drop", "ALL", "--hostname", "script"]
        shared, temporary = _sizes(around.limits)
        words += ["--proc", "/proc", "--dev", "/dev"]
        for device in places.accelerators():
            words += ["--dev-bind-try", device, device]
        words += [*_memory("/dev/shm", shared), "--remount-ro", "/dev"]
        words += _memory("/tmp", temporary)
        for path in places.system_paths():
            words += _system(path)
        for path in (*places.SETTINGS, *places.KERNEL):
            words += ["--ro-bind-try", path, path]
        home = places.interpreter(self.python)
        inside = str(Path(INSIDE).parent)
        outside = {str(path) for path in around.sources}
        for path in sorted({*home.paths, *places.libraries(), inside, *outside}):
            words += ["--ro-bind", path, path]
        for place, target in home.links:
            words += ["--symlink", target, place]
        folder = str(around.folder)
        words += ["--bind", folder, folder, "--ro-bind", f"{folder}/input", f"{folder}/input"]
        return [*words, "--chdir", folder]


def _system(path: str) -> list[str]:
    if os.path.islink(path):  # noqa: PTH114 - /lib -> usr/lib
        return ["--symlink", os.readlink(path), path]  # noqa: PTH115
    return ["--ro-bind", path, path]


def _memory(path: str, size_mb: int) -> list[str]:
    size = ["--size", str(size_mb * 1024 * 1024)] if bwrap_version() >= (0, 7) else []
    return [*size, "--tmpfs", path]


def _sizes(limits: Limits) -> tuple[int, int]:
    """MiB of /dev/shm and /tmp: files there are memory, so they are part of the script's."""
    memory = limits.memory_mb or _DEFAULT_MEMORY_MB
    temporary = memory // 4
    if limits.disk_mb is not None:
        temporary = min(temporary, limits.disk_mb)
    return max(16, memory // 2), max(16, temporary)


def _processes(limits: Limits) -> int | None:
    """RLIMIT_NPROC, where the kernel counts it per user namespace (Linux 5.14 and newer)."""
    version = [int(n) for n in re.findall(r"\d+", platform.release())[:2]]
    if limits.processes is None or version < [5, 14]:
        return None
    return limits.processes * _THREADS_PER_PROCESS


@functools.cache
def bwrap_version() -> tuple[int, ...]:
    """Version of bwrap; empty when there is none."""
    try:
        answer = subprocess.run(["bwrap", "--version"], capture_output=True, timeout=10, text=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(n) for n in re.findall(r"\d+", answer.stdout)[:2])
