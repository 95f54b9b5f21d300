"""One run of one script: start it, watch it, stop it, and hold on to the evidence."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import selectors
import signal
import subprocess
import time
from typing import Any

from mle_star.errors import SandboxUnavailable
from mle_star.execution.base import Job
from mle_star.execution.capture import ScoreWatch, Stream
from mle_star.execution.disk import held_mb, reopen, used_mb
from mle_star.execution.evidence import Evidence, Stop
from mle_star.execution.launch import Terms, launch
from mle_star.execution.machine import oom_kills
from mle_star.execution.tree import Tree
from mle_star.execution.workspace import Workspace, drop_record

_TICK = 0.1
"""Seconds between two looks at the tree."""
_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""
_SWEEP = 5.0
"""Seconds the supervisor has to end what the script left behind."""
_DRAIN = 0.5
"""Seconds to read what is still in the pipes after the last process ended."""
_START = 60.0
"""Most seconds that a cage may take to build before the script's time runs all the same."""
_CHUNK = 64 * 1024
_MB = 1024 * 1024


def run_child(job: Job, space: Workspace, terms: Terms) -> Evidence:
    """Run a script in its prepared folder, to its end.

    Raises:
        SandboxUnavailable: it could not be started.
    """
    mark = secrets.token_hex(16)
    terms.registry.announce(mark, job.folder)
    before = oom_kills()
    try:
        watch = _Watch(job, space, terms, mark)
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
        reopen(job.folder)
        drop_record(job.folder)  # before the entry, or a crash in between would leave a forged one
        terms.registry.ended(mark)
    watch.seen.kernel_killed = oom_kills() > before
    return watch.seen


class _Watch:
    """The started script and the loop that looks after it."""

    def __init__(self, job: Job, space: Workspace, terms: Terms, mark: str) -> None:
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
        self._disk_next, self._held_next = 0.0, 0.0
        self._race, self._folds = job.race, 0
        self._removed_mb = 0.0
        self._out = Stream(job.folder / "stdout.log", ScoreWatch())
        try:
            self._err = Stream(job.folder / "stderr.log")
        except BaseException:  # no space for another file
            self._out.close()
            raise
        self._begun = time.monotonic()
        self._started = False
        try:
            self._process, self._reports, self._plan = launch(job, space, terms, mark, cores)
        except BaseException:
            self._out.close()
            self._err.close()
            raise
        self._tree = Tree(self._process.pid, mark, terms.cage.keepers, terms.cage.memory_folders)
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
        seen.score, seen.folds = self._out.score(), tuple(self._out.folds())
        seen.stdout, seen.stderr = self._out.close(), self._err.close()
        seen.peak_memory_mb = self._tree.peak_mb or None
        seen.processes = max(1, self._tree.most)
        seen.disk_mb = max(seen.disk_mb, used_mb(self._folder))
        # Times and sizes of what ended within a tick are known to the supervisor only, and what
        # stands between it and the script may keep them from it.
        seen.cpu_seconds = max(seen.cpu_seconds or 0.0, self._tree.cpu_seconds)
        self._terms.cage.settle(self._folder, seen)
        self._check_start()

    def _check_start(self) -> None:
        """Tell a script that failed from one that never began."""
        seen, cage = self.seen, self._terms.cage
        said = self._failed
        if not said and self._plan.announced and not (seen.began or seen.stop):
            if seen.status is None:
                return
            lines = [line.strip() for line in seen.stderr.text.splitlines() if line.strip()]
            last = lines[-1] if lines else f"wait status {seen.status}"
            # An engine's client has advice behind its error.
            said = next((line for line in lines if self._plan.engine and "rror" in line), last)
            said = said[:300]
        if said:
            raise SandboxUnavailable(
                f"No script of the interpreter {cage.python!r} could be started in the sandbox "
                f"{cage.name!r} ({said}): set 'python' to one that exists, or ask "
                "'mle-star doctor' what this machine lacks."
            )

    def _hear(self, data: bytes) -> None:
        """Take reports of the supervisor."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            try:
                self._note(json.loads(line))
            except (ValueError, TypeError, AttributeError):
                continue  # somebody else wrote that

    def _note(self, report: dict[str, Any]) -> None:
        if "ended" in report:
            self.seen.status = int(report["ended"])
            self._ended_at = time.monotonic()
        self.seen.began = self._tree.began = bool(report.get("began", self.seen.began))
        self.seen.cpu_seconds = float(report.get("cpu", self.seen.cpu_seconds or 0.0))
        # Of the largest process; catches a peak between two looks.
        self._tree.peak_mb = max(self._tree.peak_mb, float(report.get("peak", 0)) / _MB)
        self._failed = str(report.get("failed", self._failed))

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
        if limits.processes is not None and tree.count > limits.processes:
            return "processes"  # first, as measuring a fork bomb would take too long
        self._look_at_open_files(now)
        memory = tree.memory_mb(limits.memory_mb)
        printed = self._out.ring.total + self._err.ring.total
        if self._terms.cancelled():
            return "cancelled"
        if self._runs(now) and now - self._begun > limits.wall_seconds:
            return "timeout"
        if limits.cpu_seconds is not None and tree.cpu_seconds > limits.cpu_seconds:
            return "cpu"
        if limits.memory_mb is not None and memory > limits.memory_mb:
            return "out_of_memory"
        if limits.disk_mb is not None and self._disk(now) > limits.disk_mb:
            return "disk_limit"
        if printed > limits.output_mb * _MB:
            return "output_limit"
        return "behind" if self._behind() else ""

    def _behind(self) -> bool:
        """Whether the folds so far have lost the race."""
        lines = self._out.folds()
        if self._race is not None and len(lines) > self._folds:
            self._folds = len(lines)
            self.seen.behind = self._race.lost(lines)
        return bool(self.seen.behind)

    def _runs(self, now: float) -> bool:
        """Whether the script's time runs: a container can take seconds to be made."""
        if not self._started and self._terms.cage.has_begun(self._folder):
            self._started = True
            if self._plan.engine:
                self._begun = now
        return self._started or now > self._begun + _START

    def _look_at_open_files(self, now: float) -> None:
        if now >= self._held_next:
            begun = time.monotonic()
            self._removed_mb, self._tree.held_mb = held_mb(self._tree.members)
            self._held_next = now + 20 * (time.monotonic() - begun)

    def _disk(self, now: float) -> float:
        if now >= self._disk_next:
            begun = time.monotonic()
            enough = math.inf if self._limits.disk_mb is None else self._limits.disk_mb
            used = used_mb(self._folder, enough) + self._removed_mb
            self.seen.disk_mb = max(self.seen.disk_mb, used)
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
        if not self._killed_at:
            self._terms.cage.kill(self._folder)
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
