"""One run of one script: start it, watch it, stop it, and hold on to the evidence."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from io import FileIO
from typing import Any, Literal

from mle_star.errors import SandboxUnavailable
from mle_star.execution.base import Capture, Job, Limits
from mle_star.execution.capture import ScoreWatch, Stream
from mle_star.execution.launch import Terms, launch
from mle_star.execution.machine import oom_kills
from mle_star.execution.scoreline import ScoreLine
from mle_star.execution.tree import Tree
from mle_star.execution.workspace import used_mb

Stop = Literal[
    "", "cancelled", "timeout", "out_of_memory", "disk_limit", "output_limit", "processes"
]

_TICK = 0.1
"""Seconds between two looks at the tree."""
_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""
_SWEEP = 5.0
"""Seconds the supervisor has to end what the script left behind."""
_DRAIN = 0.5
"""Seconds to read what is still in the pipes after the last process ended."""
_CHUNK = 64 * 1024
_MB = 1024 * 1024


@dataclass
class Evidence:
    """What was seen of a run: the verdict's material."""

    limits: Limits
    stop: Stop = ""
    """Why we stopped it; empty when it ended by itself."""
    status: int | None = None
    """Wait status of the script; None when its supervisor vanished."""
    stdout: Capture = field(default_factory=Capture)
    stderr: Capture = field(default_factory=Capture)
    score: ScoreLine = field(default_factory=ScoreLine)
    wall_seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    disk_mb: float = 0.0
    processes: int = 0
    cpus: int = 1
    kernel_killed: bool = False
    """Whether the kernel killed a process of this machine for want of memory meanwhile."""


def run_child(job: Job, terms: Terms) -> Evidence:
    """Run a script whose folder is prepared, to its end.

    Raises:
        SandboxUnavailable: it could not be started.
    """
    mark = secrets.token_hex(16)
    terms.registry.announce(mark, job.folder)
    before = oom_kills()
    try:
        watch = _Watch(job, terms, mark)
        try:
            watch.watch()
        finally:
            watch.end()
    except OSError as error:
        raise SandboxUnavailable(
            f"No child process could be run in {job.folder} ({error}): "
            "check free disk space and the limits on processes and open files."
        ) from error
    finally:
        terms.registry.ended(mark)
    watch.seen.kernel_killed = oom_kills() > before
    return watch.seen


class _Watch:
    """The started script and the loop that looks after it."""

    def __init__(self, job: Job, terms: Terms, mark: str) -> None:
        self._terms = terms
        self._folder = job.folder
        self._limits = terms.limits
        cores = terms.cores()
        self.seen = Evidence(terms.limits, cpus=max(1, len(cores)))
        self._pinned, self._pins_left = cores, 0
        self._failed = ""
        self._pending = b""
        self._stop_at = 0.0
        self._killed_at = 0.0
        self._ended_at = 0.0
        self._disk_next = 0.0
        self._out = Stream(FileIO(job.folder / "stdout.log", "w"), ScoreWatch())
        self._err = Stream(FileIO(job.folder / "stderr.log", "w"))
        self._begun = time.monotonic()
        try:
            self._process, self._reports = launch(job, terms, mark, cores)
        except BaseException:
            self._out.close()
            self._err.close()
            raise
        self._tree = Tree(self._process.pid, mark)
        terms.registry.started(mark, self._process.pid)

    def watch(self) -> None:
        """Look after the script until its supervisor is gone."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, self._out.feed)
            selector.register(self._process.stderr, selectors.EVENT_READ, self._err.feed)
            selector.register(self._reports, selectors.EVENT_READ, self._hear)
            next_look = 0.0
            while self._reports in selector.get_map():
                _read(selector, max(0.0, next_look - time.monotonic()))
                if time.monotonic() >= next_look:
                    self._look(time.monotonic())
                    next_look = time.monotonic() + _TICK
            if not self._ended_at:  # the supervisor was killed: what it guarded is still there
                self._ended_at = time.monotonic()
                self._tree.kill()
            deadline = time.monotonic() + _DRAIN
            while selector.get_map() and time.monotonic() < deadline:
                _read(selector, 0.05)

    def end(self) -> None:
        """Free everything, and fill in what is known only now."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        os.close(self._reports)
        if not self._ended_at:  # watching itself failed
            self._ended_at = time.monotonic()
            self._tree.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        seen = self.seen
        seen.wall_seconds = self._ended_at - self._begun
        seen.score = self._out.score()
        seen.stdout, seen.stderr = self._out.close(), self._err.close()
        seen.peak_memory_mb = self._tree.peak_mb or None
        seen.processes = max(1, self._tree.most)
        seen.disk_mb = max(seen.disk_mb, used_mb(self._folder))
        if self._failed:
            raise SandboxUnavailable(
                f"The interpreter {self._terms.python!r} could not be started ({self._failed}): "
                "set 'python' to one that exists."
            )

    def _hear(self, data: bytes) -> None:
        """Take reports of the supervisor."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            report: dict[str, Any] = json.loads(line)
            if "ended" in report:
                self.seen.status = int(report["ended"])
                self._ended_at = time.monotonic()
            self.seen.cpu_seconds = report.get("cpu", self.seen.cpu_seconds)
            # Of the largest process; catches a peak between two looks.
            self._tree.peak_mb = max(self._tree.peak_mb, report.get("peak", 0) / _MB)
            self._failed = report.get("failed", self._failed)

    def _look(self, now: float) -> None:
        """Measure, pin, and stop what must be stopped."""
        if self._ended_at:
            if now > self._ended_at + _SWEEP:
                self._finish_off(now)
            return
        if not self.seen.stop:
            self._tree.refresh(self._limits.processes)
            if not self._tree.members:  # a script may have put its supervisor to sleep
                self._process.send_signal(signal.SIGCONT)
            self._pin()
            self.seen.stop = self._overstepped(now)
            if self.seen.stop:
                self._stop_at = now
                if self.seen.stop == "timeout":
                    self._tree.send(signal.SIGTERM)
        if self.seen.stop:
            grace = _GRACE if self.seen.stop == "timeout" else 0.0
            if now >= self._stop_at + grace:
                self._finish_off(now)

    def _overstepped(self, now: float) -> Stop:
        limits, tree = self._limits, self._tree
        if limits.processes is not None and len(tree.members) > limits.processes:
            return "processes"  # first, as measuring a fork bomb would take too long
        memory = tree.memory_mb(limits.memory_mb)
        printed = self._out.ring.total + self._err.ring.total
        if self._terms.cancelled():
            return "cancelled"
        if now - self._begun > limits.wall_seconds:
            return "timeout"
        if limits.memory_mb is not None and memory > limits.memory_mb:
            return "out_of_memory"
        if limits.disk_mb is not None and self._disk(now) > limits.disk_mb:
            return "disk_limit"
        if printed > limits.output_mb * _MB:
            return "output_limit"
        return ""

    def _disk(self, now: float) -> float:
        if now >= self._disk_next:
            begun = time.monotonic()
            self.seen.disk_mb = max(self.seen.disk_mb, used_mb(self._folder))
            # A folder of very many files is looked at less often.
            self._disk_next = now + max(0.5, 20 * (time.monotonic() - begun))
        return self.seen.disk_mb

    def _pin(self) -> None:
        cores = self._terms.cores()
        if cores != self._pinned:
            # Threads that start meanwhile may inherit the old cores: the next rounds catch them.
            self._pinned, self._pins_left = cores, 3
        if self._pins_left:
            self._pins_left -= 1
            self._tree.pin(cores)

    def _finish_off(self, now: float) -> None:
        """Kill the tree, and a supervisor that does not end then."""
        self._process.send_signal(signal.SIGCONT)
        self._tree.kill()
        self._killed_at = self._killed_at or now
        if time.monotonic() > self._killed_at + _SWEEP:
            self._process.kill()


def _read(selector: selectors.BaseSelector, timeout: float) -> None:
    for key, _ in selector.select(timeout):
        data = os.read(key.fd, _CHUNK)
        if data:
            key.data(data)
        else:
            selector.unregister(key.fileobj)
