"""Starting a script: under what terms, with which limits of the kernel, in which environment."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mle_star.execution import supervisor
from mle_star.execution.base import Job, Limits
from mle_star.execution.cages.base import Cage, Plan, Surroundings
from mle_star.execution.environment import MARK, script_environment
from mle_star.execution.registry import Registry
from mle_star.execution.workspace import Workspace

_MB = 1024 * 1024


@dataclass(frozen=True)
class Terms:
    """Under what terms a script runs: its limits, and what may change while it runs."""

    cage: Cage
    limits: Limits
    cores: Callable[[], frozenset[int]]
    """The cores it may use now."""
    cancelled: Callable[[], bool]
    registry: Registry


def launch(
    job: Job, space: Workspace, terms: Terms, mark: str, cores: frozenset[int]
) -> tuple[subprocess.Popen[bytes], int, Plan]:
    """Start a script below a supervisor; returns that and the pipe it reports on.

    Args:
        job: what to run.
        space: its prepared folder.
        terms: cage, limits.
        mark: random value that every process of the tree carries.
        cores: where it runs at first.

    Raises:
        OSError: no process could be started.
        SandboxUnavailable: the level can't be had here.
    """
    reports, status = os.pipe()
    try:
        folder = space.folder.resolve()
        environment = script_environment(
            folder,
            terms.cage.python,
            seed=job.seed,
            threads=max(1, len(cores)),
            kept=job.cpus,
            mark=mark,
        )
        around = Surroundings(folder, space.linked, terms.limits, status, os.getpid(), environment)
        plan = terms.cage.plan(around)
        if plan.environment is not None:
            environment = {**plan.environment, MARK: mark}
        process = _start(folder, environment, status)
    except BaseException:
        os.close(reports)
        raise
    finally:
        os.close(status)
    config = {
        "command": plan.command,
        "files": plan.files,
        "announced": plan.announced,
        "status": status,
        "engine": plan.engine,
        "limits": {} if plan.engine else _rlimits(terms.limits),
        "cores": sorted(cores),
    }
    _tell(process, json.dumps(config).encode() + b"\n")
    return process, reports, plan


def _start(folder: Path, environment: dict[str, str], status: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(status,),
        start_new_session=True,
    )


def _tell(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stdin is not None
    # A supervisor that died at once is noticed by whoever watches it.
    with contextlib.suppress(BrokenPipeError):
        while text:
            text = text[os.write(process.stdin.fileno(), text) :]


def _rlimits(limits: Limits) -> dict[str, tuple[int, int]]:
    """Kernel limits of each single process: name -> soft and hard value.

    None on memory: RLIMIT_AS and RLIMIT_DATA count what is reserved, not what is used, and break
    OpenBLAS. None on the number of processes: outside a user namespace RLIMIT_NPROC counts
    everything the user runs.
    """
    values = {"RLIMIT_CORE": (0, 0)}
    if limits.open_files is not None:
        values["RLIMIT_NOFILE"] = (limits.open_files, limits.open_files)
    if limits.cpu_seconds is not None:
        # Only should the watch, which sums the tree, be late. SIGXCPU first, then SIGKILL.
        most = math.ceil(limits.cpu_seconds) + 1
        values["RLIMIT_CPU"] = (most, most + 2)
    if limits.disk_mb is not None:
        values["RLIMIT_FSIZE"] = (limits.disk_mb * _MB, limits.disk_mb * _MB)
    return values
