"""Starting a script: under what terms, with which limits of the kernel, in which environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from mle_star.execution import supervisor
from mle_star.execution.base import Job, Limits
from mle_star.execution.environment import script_environment
from mle_star.execution.registry import Registry

_MB = 1024 * 1024


@dataclass(frozen=True)
class Terms:
    """Under what terms a script runs: its limits, and what may change while it runs."""

    python: str
    limits: Limits
    cores: Callable[[], frozenset[int]]
    """The cores it may use now."""
    cancelled: Callable[[], bool]
    registry: Registry


def launch(
    job: Job, terms: Terms, mark: str, cores: frozenset[int]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a script below a supervisor; returns that and the pipe it reports on.

    Args:
        job: what to run; its folder is prepared.
        terms: interpreter, limits.
        mark: random value that every process of the tree carries.
        cores: where it runs at first.

    Raises:
        OSError: no process could be started.
    """
    reports, status = os.pipe()
    config = {
        "command": [terms.python, "-s", "-u", "script.py"],
        "status": status,
        "limits": _rlimits(terms.limits),
        "cores": sorted(cores),
    }
    environment = script_environment(
        job.folder.resolve(), terms.python, seed=job.seed, threads=max(1, len(cores)), mark=mark
    )
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(config)],
            cwd=job.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(status,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reports)
        raise
    finally:
        os.close(status)
    return process, reports


def _rlimits(limits: Limits) -> dict[str, int]:
    """Kernel limits of each single process.

    None on memory: RLIMIT_AS and RLIMIT_DATA count what is reserved, not what is used, and break
    OpenBLAS. None on the number of processes: outside a user namespace RLIMIT_NPROC counts
    everything the user runs.
    """
    values = {"RLIMIT_CORE": 0}
    if limits.open_files is not None:
        values["RLIMIT_NOFILE"] = limits.open_files
    if limits.disk_mb is not None:
        values["RLIMIT_FSIZE"] = limits.disk_mb * _MB
    return values
