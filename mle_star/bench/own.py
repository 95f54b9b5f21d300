"""Our own system as the bench runs it: ``python -m mle_star.bench.own JOB``.

JOB is the file of :func:`mle_star.bench.running.write_job`; its ``options`` are fields of
:class:`mle_star.context.Context`.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

_START_UP = 3.0
"""Seconds of the budget that go to imports and to handing in."""


def main() -> int:
    """Solve the job's task and hand in."""
    begun = time.monotonic()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(job["out"])
    from mle_star.context import context_from
    from mle_star.graph.solving import solve

    if "memory" not in job["options"]:  # unless asked for, each run starts with no experience
        os.environ.pop("MLE_STAR_MEMORY", None)
    context = context_from(
        {
            **job["options"],
            "seed": job["seed"],
            "time_budget": max(1.0, job["seconds"] - _START_UP),
            "runs_dir": str(out / "runs"),
        }
    )
    # A page would take a second of the budget, and nobody reads it.
    result = solve(job["public"], context=context, run="run", report=False, progress=False)
    if result.submission is not None:
        waiting = out / ".submission.csv"
        shutil.copyfile(result.submission, waiting)
        os.replace(waiting, out / "submission.csv")  # noqa: PTH105
    report: dict[str, Any] = {
        "validation": believed(result.best),
        "curve": curve(result.run),
        "version": f"mle-star {importlib.metadata.version('mle-star')} ({result.engineer})",
        "seconds": round(time.monotonic() - begun, 3),
    }
    (out / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return 0 if result.submission is not None else 1


def believed(best: Any) -> float | None:
    """The validation score of the trial that was handed in."""
    score = best["score"] if best else None
    return float(score["value"]) if score else None


def curve(run: Path) -> list[tuple[float, float]]:
    """Best validation score so far, at each moment it became better, from the journal."""
    from mle_star.runs import read_events
    from mle_star.runs.folder import read_record

    direction = read_record(run)["spec"]["direction"]
    points: list[tuple[float, float]] = []
    for event in read_events(run):
        value = event.get("score") if event["kind"] == "script_finished" else None
        if value is None or event.get("alarm"):
            continue
        better = not points or (
            value < points[-1][1] if direction == "minimize" else value > points[-1][1]
        )
        if better:
            points.append((round(float(event["elapsed"]), 2), float(value)))
    return points


if __name__ == "__main__":
    sys.exit(main())
