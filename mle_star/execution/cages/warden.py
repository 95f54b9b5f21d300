"""The first process of a container.

    python -I -S -c TEXT REPORT WALL CPU PROCESSES DISK COMMAND...

It runs the script, keeps count of what its processes use, and ends with it; all others end then,
as the first process of a container is what it lives by. It also ends when its standard input does,
which the supervisor outside holds open: so no container outlives its harness.

Into the file REPORT it writes what it counted as JSON: ``cpu`` (seconds), ``peak`` (MiB),
``processes`` (most at once), ``stop`` and at last ``status``, the script's wait status. ``stop``
says why it ended the script: ``time`` after WALL seconds, ``cpu`` after CPU seconds, ``processes``
for more than PROCESSES, ``disk`` for more than DISK MiB in removed files that are still open,
``memory`` where the kernel killed one of them for want of it. Its own exit code is the script's,
and 128 + n after signal n.

Only the standard library, and nothing newer than Python 3.8: it runs under the interpreter of the
image.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import stat
import sys
import time
from typing import Any

_TICK = 0.1
"""Seconds between two looks at the processes."""
_WRITTEN = 0.5
"""Seconds between two reports."""
_MB = 1024 * 1024
_PR_SET_DUMPABLE = 4
_UNLIMITED = 2**60
_PEAKS = (
    ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory.max"),
    (
        "/sys/fs/cgroup/memory/memory.max_usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ),
)
"""Files with the most memory ever used by a control group, and with its limit."""
_KILLS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Files that count the processes of a control group that were killed for want of memory."""


class Count:
    """What the processes of the container use, summed up over time."""

    def __init__(self, report: str) -> None:
        self._report = report
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._written = 0.0
        self._killed, self._spent = _group_kills(), _group_cpu()
        self.removed = 0.0
        """MiB of files that have no name any more and are still open."""
        self.session = 0
        """Of the script; it matters only outside a container."""
        self.now: dict[str, Any] = {"cpu": 0.0, "peak": 0.0, "processes": 0, "stop": ""}

    def look(self) -> int:
        """Look at every process but this one; returns how many there are."""
        ticks, pages, living, removed = 0, 0, 0, {}
        for name in os.listdir("/proc"):  # noqa: PTH208
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123
                    fields = stream.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if os.getpid() != 1 and int(fields[3]) != self.session:
                continue  # not the first process, so those are not all the script's
            if fields[0] != b"Z":
                living += 1
                pages += int(fields[21])
                removed.update(_nameless(name))
            ticks += sum(int(field) for field in fields[11:15])  # its own, and of those it reaped
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ticks / self._ticks + ended.ru_utime + ended.ru_stime
        # The control group's clock can't be cheated; without one the processes' own have to do.
        self.now["cpu"] = max(self.now["cpu"], seconds, _group_cpu() - self._spent)
        self.removed = sum(removed.values()) / _MB
        self.now["processes"] = max(self.now["processes"], living)
        peak = _group_peak() or max(pages * self._page / _MB, ended.ru_maxrss / 1024)
        self.now["peak"] = max(self.now["peak"], peak)
        if _group_kills() > self._killed:
            self.now["stop"] = "memory"
        return living

    def judge(
        self, living: int, age: float, *, cpu: float, most: float, wall: float, disk: float
    ) -> None:
        """Decide whether the script must be ended."""
        if self.now["stop"]:
            return
        if self.now["cpu"] > cpu:
            self.now["stop"] = "cpu"
        elif living > most:
            self.now["stop"] = "processes"
        elif self.removed > disk:
            self.now["stop"] = "disk"
        elif age > wall:
            self.now["stop"] = "time"

    def write(self, always: bool = False) -> None:
        """Write the report, twice a second at most unless it must be."""
        if not always and time.monotonic() < self._written + _WRITTEN:
            return
        self._written = time.monotonic()
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            if os.path.lexists(self._report):
                os.unlink(self._report)  # noqa: PTH108 - the script may have put a link there
            descriptor = os.open(self._report, how, 0o600)
            os.write(descriptor, json.dumps(self.now).encode())
            os.close(descriptor)
        except OSError:
            pass  # the script put something in its place, and goes without figures


def _group_peak() -> float:
    """Most MiB that the container has used, as its control group says; 0 if it has none."""
    for peak, limit in _PEAKS:
        try:
            with open(limit) as stream:  # noqa: PTH123
                most = stream.read().strip()
            if most == "max" or int(most) >= _UNLIMITED:
                continue  # that is the group of the whole machine
            with open(peak) as stream:  # noqa: PTH123
                return int(stream.read()) / _MB
        except (OSError, ValueError):
            continue
    return 0.0


def _group_cpu() -> float:
    """Processor seconds of the container's control group; 0 if it has none of its own."""
    if not _group_peak():
        return 0.0
    try:
        with open("/sys/fs/cgroup/cpu.stat") as stream:  # noqa: PTH123
            found = [line.split()[1] for line in stream if line.startswith("usage_usec ")]
        return int(found[0]) / 1e6
    except (OSError, ValueError, IndexError):
        pass
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as stream:  # noqa: PTH123
            return int(stream.read()) / 1e9
    except (OSError, ValueError):
        return 0.0


def _nameless(pid: str) -> dict[tuple[int, int], int]:
    """Removed regular files that a process holds open: device and inode -> bytes."""
    found = {}
    try:
        for name in os.listdir("/proc/" + pid + "/fd"):  # noqa: PTH208
            status = os.stat("/proc/" + pid + "/fd/" + name)  # noqa: PTH116
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
    except OSError:
        pass  # it has ended, or closed one meanwhile
    return found


def _group_kills() -> int:
    for name in _KILLS:
        try:
            with open(name) as stream:  # noqa: PTH123
                found = [line.split()[1] for line in stream if line.startswith("oom_kill ")]
            return int(found[0])
        except (OSError, ValueError, IndexError):
            continue
    return 0


def main() -> None:
    """Run the script to its end, or to that of standard input."""
    # The script has the same user: nothing of this process is to be read, written or traced.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    wall, cpu, processes, disk = map(float, sys.argv[2:6])
    count = Count(sys.argv[1])
    count.write(always=True)
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    child = count.session = _start(sys.argv[6:])
    signal.signal(signal.SIGTERM, lambda *_: _all(child, signal.SIGTERM))
    status, begun = None, time.monotonic()
    while status is None:
        ready = select.select([0, wake], [], [], _TICK)[0]
        if wake in ready:
            os.read(wake, 512)
        if 0 in ready and not os.read(0, 512):
            break  # whoever started this is gone
        living = count.look()  # before the dead are reaped: what they used is then still here
        status = _reap(child)
        count.judge(living, time.monotonic() - begun, cpu=cpu, most=processes, wall=wall, disk=disk)
        if count.now["stop"]:
            break
        count.write()
    _all(child, signal.SIGKILL)
    count.look()
    count.now["status"] = status
    count.write(always=True)
    os._exit(_code(status))


def _start(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(127)


def _reap(child: int) -> int | None:
    """Bury every process that ended; the wait status of the script once it is among them."""
    status = None
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = found


def _all(child: int, number: int) -> None:
    """Signal every process of the container but this one."""
    try:
        if os.getpid() == 1:
            os.kill(-1, number)
        else:  # not the first process, so those are not all the script's
            os.killpg(child, number)
    except OSError:
        pass  # there is none


def _code(status: int | None) -> int:
    if status is None:
        return 128 + signal.SIGKILL
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    main()
