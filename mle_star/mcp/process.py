"""Starting and stopping the processes that drive runs, from outside of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.mcp.driver import LOG, STOPPED
from mle_star.runs.folder import read_record
from mle_star.runs.lock import driver_of, is_driven

PATIENCE = 30.0
"""Seconds to wait until a run has begun: imports, and reading the task. Clients give a tool about a
minute."""
_LOOK = 0.1
"""Seconds between two looks."""


def start(run: Path, task: str, settings: Mapping[str, Any]) -> None:
    """Start a new run in a process of its own; returns when it has read its task.

    A large table takes longer than :data:`PATIENCE`; the run then reads on by itself.

    Raises:
        RunError: it ended before that; the message is what it said.
    """
    _drive(run, {"task": task, "settings": dict(settings)}, lambda: (run / "task.json").is_file())


def go_on(run: Path, changes: Mapping[str, Any]) -> None:
    """Resume a run in a process of its own; returns when the run goes on.

    Raises:
        RunError: it is being run, or can't go on; the message says why.
    """
    if is_driven(run):
        raise RunError(f"{run.name} is running: wait_for_run follows it, stop_run stops it.")
    before = int(read_record(run).get("sittings", 1))
    (run / LOG).unlink(missing_ok=True)
    _drive(
        run, {"settings": dict(changes)}, lambda: int(read_record(run).get("sittings", 1)) > before
    )


def stop(run: Path, seconds: float = PATIENCE) -> None:
    """Ask the process that drives a run to stop cleanly, and wait for it.

    Args:
        run: its folder.
        seconds: how long to wait at most; it stops later then.

    Raises:
        RunError: nobody drives the run, or not a process of this machine.
    """
    if not is_driven(run):
        raise RunError(f"{run.name} is not running: run_status says how it stands.")
    pid = driver_of(run)
    if pid is None:
        raise RunError(f"{run.name} is run on another machine: stop it there.")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)  # as clean as Ctrl-C, and unlike that it may be said twice
    _until(lambda: not is_driven(run), seconds)


def _drive(run: Path, order: Mapping[str, Any], begun: Callable[[], bool]) -> None:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mle_star.mcp.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # whoever ends the assistant's processes leaves this one alone
        )
        assert process.stdin is not None
        with process.stdin as stream:
            stream.write(json.dumps({"run": str(run), **order}).encode())
        # Somebody has to take note of its end, or it would stay on as a zombie.
        threading.Thread(target=process.wait, daemon=True).start()
        ready = _until(lambda: begun() or process.poll() is not None, PATIENCE)
        if process.poll() not in (None, 0, STOPPED):
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            raise RunError(lines[-1] if lines else "The run ended before it began.")
        if not (ready or (run / "run.json").is_file()):
            process.terminate()
            raise RunError(f"The run did not begin within {PATIENCE:.0f} seconds: try it again.")


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
