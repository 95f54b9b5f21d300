"""Runs in processes of their own, forked from one that has everything imported and no thread."""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from mle_star.graph.solving import Result
from mle_star.report import drawing
from tests.faults.outcomes import outcome


class Fork:
    """A run in a process of its own; its outcome comes back through a pipe."""

    def __init__(self, work: Callable[[], Result]) -> None:
        read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            os.setsid()
            _work(work, write)
        os.close(write)
        self._read = read
        self.code: int | None = None

    def ended(self) -> bool:
        """Whether it has ended; does not wait."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came."""
        deadline = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.ended()

    def answer(self, seconds: float = 300.0) -> dict[str, Any]:
        """What came of it; ``{"error": ...}`` where it raised, was killed or hangs."""
        if not self.wait(seconds):
            self.kill()
            return {"error": f"still running after {seconds:g} s"}
        with os.fdopen(self._read, "rb") as stream:
            text = stream.read()
        answer: dict[str, Any] = json.loads(text) if text else {"error": f"ended by {self.code}"}
        return answer

    def kill(self) -> None:
        """Kill its process group and wait for its end."""
        if not self.ended():
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10.0)


def _work(work: Callable[[], Result], write: int) -> None:
    try:
        devnull = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1):
            os.dup2(devnull, descriptor)
        setattr(drawing, "svgs", lambda _: [])  # noqa: B010 - as for all tests (conftest.py)
        answer = outcome(work())
    except BaseException as error:  # noqa: BLE001 - told through the pipe
        answer = {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()}
    os.write(write, json.dumps(answer).encode())
    os.close(write)
    os._exit(0)
