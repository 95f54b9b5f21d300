"""The process that drives a run which an assistant started; it outlives the server.

It takes one order as JSON on stdin. What goes wrong is said on stderr, and kept in the run folder
for whoever asks later.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mle_star.context import Context
from mle_star.errors import MleStarError, RunStopped

LOG = "driver.log"
"""File of the run folder that says why a sitting failed."""
STOPPED = 130
"""Exit code of a run that was stopped and can go on."""


def main() -> int:
    """Obey the order on stdin; returns the exit code."""
    order = json.load(sys.stdin)
    try:
        obey(order)
    except RunStopped:
        return STOPPED
    except MleStarError as error:
        complain(Path(order["run"]), str(error))
        return 2
    except Exception:  # noqa: BLE001 - nobody looks at this process: the folder keeps the trace
        complain(Path(order["run"]), traceback.format_exc())
        return 1
    return 0


def obey(order: Mapping[str, Any]) -> None:
    """Start a run, or go on with one.

    Args:
        order: ``run`` (its folder), ``settings``, and ``task`` (the task folder) for a new one.
    """
    from mle_star.graph.solving import resume, solve

    run = Path(order["run"])
    if not order.get("task"):
        resume(run, changes=order["settings"])
        return
    context = Context(**{**order["settings"], "runs_dir": str(run.parent)})
    solve(order["task"], context=context, run=run.name)


def complain(run: Path, text: str) -> None:
    """Say what went wrong here and in the run folder, if there is one."""
    sys.stderr.write(text.rstrip() + "\n")
    if run.is_dir():
        (run / LOG).write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
