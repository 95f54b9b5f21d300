"""Run a task and die by SIGKILL at the n-th event.

``python -m tests.support.killable TASK RUNS N``
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from mle_star.context import Context
from mle_star.graph.solving import solve
from mle_star.report import drawing
from tests.support.runs import SMALL

SETTINGS: dict[str, Any] = {
    **SMALL,
    "num_solutions": 2,
    "engineer": "tests.support.engineers:plain",
}


def main() -> None:
    task, runs, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seen = 0

    def count(_: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(drawing, "svgs", lambda _: [])  # noqa: B010 - as for all tests (conftest.py)
    solve(task, context=Context(**SETTINGS, runs_dir=runs), on_event=count, run="run")


if __name__ == "__main__":
    main()
