"""The processes of one script: finding, measuring, pinning and killing them.

Linux is read from ``/proc``; elsewhere psutil answers, more slowly and without pinning.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator, Set

import psutil

from mle_star.execution.environment import MARK
from mle_star.execution.probe import (
    LINUX,
    alive,
    proportional_mb,
    psutil_cpu,
    resident_mb,
    start_time,
)
from mle_star.execution.supervisor import descendants, kill_groups, list_pids, read_stat

_TICKS = os.sysconf("SC_CLK_TCK")
_MB = 1024 * 1024


class Tree:
    """Everything below a supervisor, remembered over time.

    Args:
        root: process id of the supervisor.
        mark: random value that its processes carry.
        keepers: how many processes of the cage, one below the other, stand above the script.
        folders: folders in memory that the innermost keeper sees and only the script fills.
    """

    def __init__(
        self, root: int, mark: str, keepers: int = 0, folders: tuple[str, ...] = ()
    ) -> None:
        self.root = root
        self.mark = mark
        self.members: dict[int, int] = {}
        """Process id -> start time."""
        self.most = 0
        """Most processes of the script seen at once."""
        self.peak_mb = 0.0
        self.cpu_seconds = 0.0
        self._levels = keepers
        self._folders = folders
        self.held_mb = 0.0
        """Files in memory that have no name, as last looked at."""
        self.began = False
        """Whether the script was reached: before, a keeper still sees the machine's folders."""
        self._keepers: list[int] = []
        self._strangers: set[int] = set()
        self._spent: dict[tuple[int, int], int] = {}

    def refresh(self, enough: int | None = None) -> None:
        """Look for new members and forget those that ended; stop looking past ``enough`` members.

        Only processes not seen before are looked at: the supervisor adopts orphans, so a process
        that was not below it when it appeared never will be.
        """
        if LINUX:
            pids = set(list_pids())
            self._strangers &= pids
            new = sorted(pids - self._strangers - self.members.keys())
            self._review(pids)
            self._adopt(new, None if enough is None else enough + self._levels)
            self._find_keepers()
        else:
            self.members = _psutil_descendants(self.root)
            self.cpu_seconds = max(self.cpu_seconds, psutil_cpu(self.members))
        self.most = max(self.most, self.count)

    @property
    def count(self) -> int:
        """How many processes of the script there are."""
        return len(self.members) - len(self._keepers)

    def _review(self, pids: Set[int]) -> None:
        """Forget members that ended, and add up the processor time."""
        living = {}
        waited = 0
        for pid, start in self.members.items():
            stat = read_stat(pid) if pid in pids else None
            if stat is not None and stat[1] == start:
                living[pid] = start
                self._spent[pid, start] = stat[2]
                waited += stat[3]
        self.members = living
        root = read_stat(self.root)
        now = sum(self._spent[key] for key in living.items()) + waited + (root[3] if root else 0)
        # Who ignores SIGCHLD never waits, and the time of its children is lost to the first sum.
        ever = sum(self._spent.values())
        self.cpu_seconds = max(self.cpu_seconds, now / _TICKS, ever / _TICKS)

    def _find_keepers(self) -> None:
        while len(self._keepers) < self._levels:
            above = self._keepers[-1] if self._keepers else self.root
            found = [pid for pid in self.members if (read_stat(pid) or (0,))[0] == above]
            if not found:
                return
            self._keepers.append(min(found, key=lambda pid: self.members[pid]))

    def _adopt(self, new: list[int], enough: int | None) -> None:
        found = {}
        for pid in new:
            stat = read_stat(pid)
            if stat is None:
                continue
            found[pid] = stat
            if stat[0] == self.root or stat[0] in self.members:
                self.members[pid] = stat[1]
                if enough is not None and len(self.members) > enough:
                    return  # a fork bomb: every millisecond counts
        # Numbers begin anew at some point, so a child may have come before its parent.
        found = {pid: stat for pid, stat in found.items() if pid not in self.members}
        kin = {p for p, stat in found.items() if stat[0] in self.members}
        while kin:
            self.members.update((pid, found.pop(pid)[1]) for pid in kin)
            kin = {p for p, stat in found.items() if stat[0] in self.members}
        self._strangers.update(found)

    def memory_mb(self, limit: float | None) -> float:
        """Memory of the tree now, in MiB; exact near the limit and above the peak so far.

        Summed resident sizes count shared pages once per process; the proportional size does not,
        but is dearer.
        """
        unmapped = self._unmapped_mb()
        used = sum(resident_mb(pid) for pid in self.members) + unmapped
        if len(self.members) > 1 and (used > self.peak_mb or (limit and used > limit)):
            used = sum(proportional_mb(pid) for pid in self.members) + unmapped
        self.peak_mb = max(self.peak_mb, used)
        return used

    def _unmapped_mb(self) -> float:
        """What lies in files in memory and is part of no process."""
        filled = self.held_mb
        if self.began and len(self._keepers) == self._levels:
            for folder in self._folders:
                with contextlib.suppress(OSError):
                    found = os.statvfs(f"/proc/{self._keepers[-1]}/root{folder}")
                    filled += (found.f_blocks - found.f_bfree) * found.f_frsize / _MB
        if filled < 1:
            return 0.0
        mapped = sum(proportional_mb(pid, b"Pss_Shmem:") for pid in self.members)
        return max(0.0, filled - mapped)

    def pin(self, cpus: Set[int]) -> None:
        """Bind every thread to these cores."""
        if not LINUX or not cpus:
            return
        for pid in self.members:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
                    with contextlib.suppress(OSError):
                        os.sched_setaffinity(int(task), cpus)

    def send(self, number: int) -> None:
        """Send a signal to every process of the script."""
        self.refresh()
        for pid, start in self.members.items():
            if pid not in self._keepers:
                _kill(pid, start, number)

    def kill(self, patience: float = 2.0) -> None:
        """Kill every member but the supervisor; what forks meanwhile is met in the next round."""
        deadline = time.monotonic() + patience
        with _urgent():
            kill_groups(self.members)
            self._freeze(deadline)
            known = dict(self.members)
            while time.monotonic() < deadline:
                known |= below(self.root)
                known = {pid: start for pid, start in known.items() if alive(pid, start)}
                if not known:
                    break
                kill_groups(known)
                time.sleep(0.005)
            kill_marked(self.mark, spare=self.root)

    def _freeze(self, deadline: float) -> None:
        """Stop every member before the first is killed: a bomb would put others in its place."""
        stopped: set[int] = set()
        self.refresh()
        while self.members.keys() - stopped and time.monotonic() < deadline:
            for pid in self.members.keys() - stopped:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
                stopped.add(pid)
            self.refresh()


@contextlib.contextmanager
def _urgent() -> Iterator[None]:
    """Let this thread run before everything else where allowed: a bomb takes every core."""
    raised = False
    if LINUX:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            raised = True
    try:
        yield
    finally:
        if raised:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def below(root: int) -> dict[int, int]:
    """All descendants of a process: pid -> start time."""
    return descendants(root) if LINUX else _psutil_descendants(root)


def marked(mark: str) -> dict[int, int]:
    """Every process whose environment carries a mark, wherever it hangs now: pid -> start time."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for pid in list_pids() if LINUX else psutil.pids():
        if wanted in _environment(pid):
            found[pid] = start_time(pid)
    return {pid: start for pid, start in found.items() if start}


def kill_marked(mark: str, spare: int = 0) -> int:
    """Kill what carries a mark; how many processes that were."""
    killed: set[int] = set()
    for _ in range(50):
        strays = {pid: start for pid, start in marked(mark).items() if pid != spare}
        if not strays:
            break
        for pid, start in strays.items():
            _kill(pid, start, signal.SIGKILL)
        killed |= strays.keys()
        time.sleep(0.01)
    return len(killed)


def _environment(pid: int) -> Iterable[bytes]:
    if LINUX:
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123
                return stream.read().split(b"\0")
        except OSError:
            return ()
    try:
        values = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return ()
    return [f"{name}={value}".encode() for name, value in values.items()]


def _kill(pid: int, start: int, number: int) -> None:
    with contextlib.suppress(OSError):
        if alive(pid, start):
            os.kill(pid, number)


def _psutil_descendants(root: int) -> dict[int, int]:
    try:
        children = psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return {}
    return {child.pid: start for child in children if (start := start_time(child.pid))}
