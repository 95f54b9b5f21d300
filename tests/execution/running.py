"""What the tests of this room share: a script that does its duty, and short ways to run one."""

from __future__ import annotations

import contextlib
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mle_star.execution import Execution, Job, Limits, LocalExecutor

LEVEL = "process"
"""Sandbox level of :func:`run`; the fixtures ``level`` and ``cage`` change it."""

SLACK = 8.0
"""Seconds that a busy machine may add where a bound on time is a promise."""

GOOD = """
with open("final/oof.csv", "w") as f:
    f.write("id,y\\n1,0.5\\n")
with open("final/submission.csv", "w") as f:
    f.write("id,y\\n2,0.5\\n")
print("Final Validation Performance: 0.75")
"""


def job(script: str, folder: Path, **fields: Any) -> Job:
    """A job with limits short enough for a test; names of limits go to its limits."""
    names = [name for name in fields if name in Limits.__dataclass_fields__]
    limits = {"wall_seconds": 30.0, **{name: fields.pop(name) for name in names}}
    return Job(textwrap.dedent(script), folder, limits=Limits(**limits), **fields)


def run(script: str, folder: Path, **fields: Any) -> Execution:
    """Run one script on an executor of its own."""
    executor = LocalExecutor(level=LEVEL)
    try:
        return executor.submit(job(script, folder, **fields)).result(60)
    finally:
        executor.shutdown()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so; fails when it never comes about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def strays(folder: Path) -> list[int]:
    """Processes that carry a job's path in their environment or command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            text = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if state not in "ZX" and os.fsencode(folder) in text:
                found.append(int(process.name))
    return found


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
