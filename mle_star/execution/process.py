"""The executor for this machine: a queue, cores divided among what runs, a watched tree per job."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from mle_star.errors import MleStarError, SandboxUnavailable
from mle_star.execution.artefacts import Collection, collect
from mle_star.execution.base import Execution, Executor, Isolation, Job, Limits
from mle_star.execution.cages import make_cage
from mle_star.execution.child import run_child
from mle_star.execution.evidence import Evidence
from mle_star.execution.key import job_key
from mle_star.execution.launch import Terms
from mle_star.execution.machine import available_memory_mb, share_cores, usable_cores
from mle_star.execution.registry import Registry
from mle_star.execution.verdict import Verdict, judge
from mle_star.execution.workspace import Workspace, prepare

_MEMORY_PART = 0.8
"""Part of the available memory that scripts may take together."""


class JobFuture(Future[Execution]):
    """The future of one job; also its place in the queue and what the scheduler grants it."""

    def __init__(self, job: Job, generation: int) -> None:
        super().__init__()
        self.job = job
        self.generation = generation
        self.cores: frozenset[int] = frozenset()
        self.unwanted = False

    def cancel(self) -> bool:
        """Drop a job that waits; kill one that runs, which then ends as ``cancelled``."""
        if self.done():
            return False
        if not super().cancel():
            self.unwanted = True
        return True


class LocalExecutor(Executor):
    """Runs jobs as process trees of this machine. Jobs start in the order they were submitted.

    Args:
        python: interpreter of the scripts.
        level: how they are caged (:data:`mle_star.execution.cages.LEVELS`), as
            :func:`mle_star.execution.cages.choose_level` found it to work here.
        cores: how many cores scripts may use together; None: all this process may use.
        registry: file that records what runs (see :func:`reap_stale`); None: no record.
        image: image of the level ``container``.

    Raises:
        SettingsError: there is no such level, or its image is not named.
    """

    def __init__(
        self,
        python: str = sys.executable,
        level: str = "process",
        cores: int | None = None,
        registry: Path | None = None,
        image: str = "",
    ) -> None:
        self.image = image if level == "container" else ""
        self.python = python if self.image else shutil.which(python) or python
        self._cage = make_cage(level, self.python, image)
        self._cores = usable_cores()[:cores]
        self._registry = Registry(registry)
        self._lock = threading.Lock()
        self._queue: deque[JobFuture] = deque()
        self._running: list[JobFuture] = []
        self._idle = threading.Condition(self._lock)
        # Read without the lock: a signal handler may raise it while this very thread holds the
        # lock.
        self._generation = 0
        self._budget_mb = 0.0
        self._closed = False
        self.owner = os.getpid()
        _executors.add(self)

    def submit(self, job: Job) -> Future[Execution]:
        """Queue a job (see :class:`Executor`)."""
        future = JobFuture(job, self._generation)
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor was shut down")
            self._queue.append(future)
        self._admit()
        return future

    def capabilities(self) -> Isolation:
        """The level, and what it does not stop."""
        return self._cage.isolation()

    def cancel_all(self) -> None:
        """Stop everything submitted so far; takes no lock, so a signal handler may call it."""
        self._generation += 1

    def shutdown(self) -> None:
        """Cancel everything and wait until the last process is gone."""
        with self._lock:
            self._closed = True
        self.cancel_all()
        self._admit()
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=15.0)

    def _stale(self, future: JobFuture) -> bool:
        return future.unwanted or future.generation != self._generation

    def _admit(self) -> None:
        """Start what there is room for; drop what is no longer wanted."""
        dropped, started = [], []
        with self._lock:
            for future in [f for f in self._queue if self._stale(f) or f.cancelled()]:
                self._queue.remove(future)
                dropped.append(future)
            while self._queue and self._fits(self._queue[0].job):
                future = self._queue.popleft()
                if future.set_running_or_notify_cancel():
                    self._running.append(future)
                    started.append(future)
            self._share()
        for future in dropped:
            if future.set_running_or_notify_cancel():
                future.set_result(self._never_ran(future.job))
        for future in started:
            threading.Thread(
                target=self._run, args=(future,), name=f"script {future.job.label}", daemon=True
            ).start()

    def _fits(self, job: Job) -> bool:
        if not self._running:
            # Measured while nothing runs: later, what running jobs hold would be counted twice.
            self._budget_mb = _MEMORY_PART * available_memory_mb()
            return True
        others = [future.job for future in self._running]
        if any(other.folder == job.folder for other in others):
            return False
        if sum(other.cpus for other in others) + job.cpus > len(self._cores):
            return False
        promised = sum(other.limits.memory_mb or 0 for other in others)
        return promised + (job.limits.memory_mb or 0) <= self._budget_mb

    def _share(self) -> None:
        shares = share_cores(self._cores, [future.job.cpus for future in self._running])
        for future, cores in zip(self._running, shares, strict=True):
            future.cores = cores

    def _run(self, future: JobFuture) -> None:
        try:
            try:
                future.set_result(self._execute(future))
            except BaseException as error:  # noqa: BLE001 - the future carries it to whoever waits
                future.set_exception(error)
        finally:
            # After the result is out, so that an executor that is idle has told everything.
            with self._lock:
                self._running.remove(future)
                self._idle.notify_all()
            self._admit()

    def _execute(self, future: JobFuture) -> Execution:
        job = future.job
        key = job_key(job, self.python, self.image)
        try:
            space = prepare(job, self._cage.links)
        except OSError as error:
            raise SandboxUnavailable(
                f"The job folder {job.folder} can't be prepared ({error}): "
                "check free disk space and permissions."
            ) from error
        terms = Terms(
            cage=self._cage,
            limits=_decided(job.limits),
            cores=lambda: future.cores,
            cancelled=lambda: self._stale(future),
            registry=self._registry,
        )
        try:
            seen = run_child(job, space, terms)
        finally:
            self._cage.end(job.folder)
        return self._conclude(job, key, seen, space)

    def _conclude(self, job: Job, key: str, seen: Evidence, space: Workspace) -> Execution:
        found = collect(job.folder, job.limits.disk_mb)
        verdict = judge(job, seen, found, space.altered())
        with contextlib.suppress(OSError):
            space.tidy(job.script)
        return self._execution(key, seen, found, verdict)

    def _execution(
        self, key: str, seen: Evidence, found: Collection, verdict: Verdict
    ) -> Execution:
        return Execution(
            key=key,
            outcome=verdict.outcome,
            exit_code=verdict.exit_code,
            signal=verdict.signal,
            stdout=seen.stdout,
            stderr=seen.stderr,
            exception=verdict.exception,
            wall_seconds=seen.wall_seconds,
            cpu_seconds=seen.cpu_seconds,
            peak_memory_mb=seen.peak_memory_mb,
            disk_mb=seen.disk_mb,
            processes=seen.processes,
            artefacts=found.artefacts,
            isolation=self.capabilities(),
            printed=seen.score.value,
            problem=verdict.problem,
            cpus=seen.cpus,
            folds=seen.folds,
        )

    def _never_ran(self, job: Job) -> Execution:
        key = ""
        with contextlib.suppress(MleStarError):  # no interpreter, no key; and nobody needs it now
            key = job_key(job, self.python, self.image)
        return self._execution(
            key,
            Evidence(job.limits),
            Collection(),
            Verdict("cancelled", "The script was not started because the run was asked to stop."),
        )


def _decided(limits: Limits) -> Limits:
    """Where no memory limit is set, take most of what is free now, to keep the machine alive."""
    if limits.memory_mb is not None:
        return limits
    return replace(limits, memory_mb=max(256, int(_MEMORY_PART * available_memory_mb())))


_executors: weakref.WeakSet[LocalExecutor] = weakref.WeakSet()


@atexit.register
def _shut_down_all() -> None:
    for executor in list(_executors):
        if executor.owner == os.getpid():  # a fork of this process has none of the threads
            executor.shutdown()
