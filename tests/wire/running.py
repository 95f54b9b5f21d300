"""Whole runs of the real graph with a model behind a loopback server."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from mle_star.context import Context
from mle_star.graph.solving import Result, solve
from mle_star.runs import read_events
from tests.support.gemini import GeminiServer

GEMINI = "google_genai:gemini-2.5-pro"
SMALL: dict[str, Any] = {
    "model": GEMINI,
    "search": "none",
    "num_candidates": 2,
    "num_solutions": 2,
    "outer_steps": 1,
    "inner_steps": 2,
    "ensemble_rounds": 1,
    "debug_rounds": 1,
    "folds": 2,
    "script_timeout": 300.0,  # where scripts come near it, the playbook leaves studies out
    "time_budget": 600.0,
}
PHASES = {
    "retrieved",
    "written",
    "merged",
    "leakage_checked",
    "usage_checked",
    "ablated",
    "extracted",
    "refined",
    "blended",
    "ensembled",
    "run_finished",
}
"""Kinds of events that say every phase of the method was there."""


def run(task: Path, runs: Path, **settings: Any) -> Result:
    """Solve a task in a small run with a model."""
    return solve(task, context=Context(**{**SMALL, **settings, "runs_dir": str(runs)}), run="run")


def events(result: Result, kind: str = "") -> list[dict[str, Any]]:
    """The journal, or its events of one kind."""
    return [e for e in read_events(result.run) if not kind or e["kind"] == kind]


def asked(result: Result) -> Counter[str]:
    """Agent -> requests that were sent for it, as the journal has them."""
    return Counter(e["agent"] for e in events(result, "model_called"))


def agents(server: GeminiServer) -> Counter[str]:
    """Agent -> requests that arrived; the hello at the start is ``hello``."""
    found: Counter[str] = Counter()
    for request in server.requests:
        first = request.turns[0].text.partition("\n")[0]
        found[first.split("`")[1] if "`" in first else "hello"] += 1
    return found


def is_submission(result: Result, task: Path) -> bool:
    """Whether the run handed in a number for every test row."""
    import pandas as pd

    if result.submission is None or not result.submission.is_file():
        return False
    made = pd.read_csv(result.submission)
    wanted = pd.read_csv(task / "sample_submission.csv")
    return (
        list(made.columns) == list(wanted.columns)
        and made["id"].tolist() == wanted["id"].tolist()
        and bool(made["y"].notna().all())
    )
