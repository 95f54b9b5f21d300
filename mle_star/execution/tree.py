"""The processes of one script: finding, measuring, pinning and killing them.

Linux is read from ``/proc``; elsewhere psutil answers, more slowly and without pinning.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Set

import psutil

from mle_star.execution.environment import MARK
from mle_star.execution.supervisor import descendants, kill_groups, list_pids, read_stat

LINUX = sys.platform == "linux"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MB = 1024 * 1024


class Tree:
    """Everything below a supervisor, remembered over time: pid -> start time."""

    def __init__(self, root: int, mark: str) -> None:
        self.root = root
        self.mark = mark
        self.members: dict[int, int] = {}
        self.most = 0
        """Most members seen at once."""
        self.peak_mb = 0.0
        self._strangers: set[int] = set()

    def refresh(self, enough: int | None = None) -> None:
        """Look for new members and forget those that ended; stop looking past ``enough`` members.

        Only processes not seen before are looked at: the supervisor adopts orphans, so a process
        that was not below it when it appeared never will be.
        """
        if LINUX:
            pids = set(list_pids())
            self._strangers &= pids
            new = sorted(pids - self._strangers - self.members.keys())
            self.members = {p: s for p, s in self.members.items() if p in pids and alive(p, s)}
            self._adopt(new, enough)
        else:
            self.members = _psutil_descendants(self.root)
        self.most = max(self.most, len(self.members))

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
        resident = sum(_resident_mb(pid) for pid in self.members)
        if len(self.members) > 1 and (resident > self.peak_mb or (limit and resident > limit)):
            resident = sum(_proportional_mb(pid) for pid in self.members)
        self.peak_mb = max(self.peak_mb, resident)
        return resident

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
        """Send a signal to every member."""
        self.refresh()
        for pid, start in self.members.items():
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


def _resident_mb(pid: int) -> float:
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


def _proportional_mb(pid: int) -> float:
    if LINUX:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:  # noqa: PTH123
                for line in stream:
                    if line.startswith(b"Pss:"):
                        return int(line.split()[1]) / 1024
        except OSError:
            pass
    return _resident_mb(pid)


def _psutil_descendants(root: int) -> dict[int, int]:
    try:
        children = psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return {}
    return {child.pid: start for child in children if (start := start_time(child.pid))}
