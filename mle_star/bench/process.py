"""One system at work: a process tree with its own cores, a wall clock and a log."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mle_star.bench.records import Budget
from mle_star.errors import SettingsError
from mle_star.execution import supervisor
from mle_star.execution.environment import MARK
from mle_star.execution.tree import Tree

_TICK = 0.25
_GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL."""
_THREADS = (
    "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS", "LOKY_MAX_CPU_COUNT", "PYTHON_CPU_COUNT", "POLARS_MAX_THREADS",
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How the process of a system ended."""

    seconds: float
    exit_code: int | None
    """None where it was ended, or a signal did."""
    timed_out: bool = False
    over_memory: bool = False
    stopped: bool = False
    """Whether the bench was asked to stop."""
    peak_memory_mb: float | None = None


def overtime(seconds: float) -> float:
    """Seconds beyond its budget that a system gets to hand in: 10 %, at least 10.

    Start-up and imports count as part of the budget; how long each system took is reported.
    """
    return max(10.0, 0.1 * seconds)


def run_process(
    command: Sequence[str],
    folder: Path,
    log: Path,
    budget: Budget,
    cores: frozenset[int],
    stopping: threading.Event,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end, or to that of its time, and end everything it started.

    Args:
        command: program and arguments.
        folder: where it is started.
        log: file that gets what it prints, standard error included.
        budget: what it may use.
        cores: the cores it may run on (Linux); elsewhere only thread counts say so.
        stopping: ends it early when set.
        environment: variables beside ours.

    Raises:
        SettingsError: the program is not there.
    """
    program = shutil.which(command[0])
    if program is None:
        raise SettingsError(f"There is no program {command[0]!r}: check the system's command.")
    mark = secrets.token_hex(16)
    own = {**os.environ, **dict.fromkeys(_THREADS, str(len(cores) or budget.cores))}
    own |= {**(environment or {}), MARK: mark}
    reports, status = os.pipe()
    begun = time.monotonic()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__], cwd=folder, env=own,
            stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.STDOUT, pass_fds=(status,),
            start_new_session=True,
        )  # fmt: skip
    os.close(status)
    tree = Tree(process.pid, mark)
    try:
        _tell(process, [program, *command[1:]], status, cores)
        ended = _watch(tree, reports, budget, begun, stopping)
    finally:
        tree.kill()
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.returncode is None:
            process.kill()
            process.wait()
        os.close(reports)
    return ended


def _tell(
    process: subprocess.Popen[bytes], command: list[str], status: int, cores: frozenset[int]
) -> None:
    config = {
        "command": command,
        "files": {},
        "announced": False,
        "status": status,
        "engine": True,  # a system is trusted, and may hold a sandbox of its own
        "limits": {},
        "cores": sorted(cores),
    }
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(config).encode() + b"\n")
        process.stdin.flush()


def _watch(
    tree: Tree, reports: int, budget: Budget, begun: float, stopping: threading.Event
) -> Ended:
    most = math.inf if budget.memory_mb is None else budget.memory_mb
    limit = budget.seconds + overtime(budget.seconds)
    why, asked, pending = "", 0.0, b""
    while True:
        if select.select([reports], [], [], _TICK)[0]:
            data = os.read(reports, 65536)
            pending += data
            status = _status(pending)
            if status is not None or not data:
                code = None if status is None else os.waitstatus_to_exitcode(status)
                return Ended(
                    seconds=time.monotonic() - begun,
                    exit_code=code if code is not None and code >= 0 and not why else None,
                    timed_out=why == "time",
                    over_memory=why == "memory",
                    stopped=why == "stop",
                    peak_memory_mb=tree.peak_mb or None,
                )
        now = time.monotonic()
        tree.refresh()
        used = tree.memory_mb(None)
        if not why:
            why = "stop" if stopping.is_set() else "time" if now - begun > limit else ""
            why = why or ("memory" if used > most else "")
            if why:
                asked = now
                tree.send(signal.SIGTERM)
        elif now > asked + _GRACE:
            tree.kill()


def _status(text: bytes) -> int | None:
    for line in text.split(b"\n"):
        with contextlib.suppress(ValueError, TypeError):
            report = json.loads(line)
            if "ended" in report:
                return int(report["ended"])
            if "failed" in report:
                return 127 << 8
    return None
