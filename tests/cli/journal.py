"""A made-up run: its events in order, and a run folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETTINGS = {
    "preset": "quick",
    "model": "playbook",
    "num_candidates": 2,
    "num_solutions": 2,
    "outer_steps": 1,
    "inner_steps": 2,
    "ensemble_rounds": 1,
    "time_budget": 120.0,
    "sandbox": "process",
}


class Journal:
    """Writes events as the graph would, two seconds apart."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, node: str, solution: int = -1, **fields: Any) -> None:
        """Append one event."""
        elapsed = 2.0 * len(self.events)
        head = {"time": "2026-01-02T03:04:05.000+00:00", "elapsed": elapsed, "kind": kind}
        self.events.append({**head, "node": node, "solution": solution, **fields})

    def script(
        self,
        solution: int,
        phase: str,
        label: str,
        score: float | None,
        error: float | None = None,
        **fields: Any,
    ) -> None:
        """Start and finish a script."""
        self.add("script_started", "execute", solution, label=label, phase=phase)
        outcome = "ok" if score is not None or phase in ("ablate", "submit") else "error"
        values = {
            "trial": f"{solution} {label}", "label": label, "phase": phase,
            "outcome": outcome, "score": score, "error": error,
            "audit": None if score is None else score * 1.01, "alarm": "", "seconds": 1.5,
            "problem": "", "cached": False,
        }  # fmt: skip
        self.add("script_finished", "score", solution, **{**values, **fields})

    def best(self, node: str, solution: int, label: str, score: float) -> None:
        """Announce a new best."""
        self.add("best", node, solution, label=label, score=score)

    def step(self, node: str, solution: int = -1) -> None:
        """Start and finish a node."""
        self.add("node_started", node, solution)
        self.add("node_finished", node, solution, seconds=0.1)


def finished_run() -> list[dict[str, Any]]:
    """A whole run of two solutions, with a failure, an alarm, a note and an ensemble that wins."""
    j = Journal()
    j.add(
        "run_started", "prepare", task="/somewhere/houses", metric="rmse", direction="minimize",
        rows=2400, settings=SETTINGS,
    )  # fmt: skip
    j.add("note", "prepare", text="Audit: 240 rows are held back.")
    for solution, first in ((0, 53012.4), (1, 54100.0)):
        j.step("retrieve", solution)
        j.step("write", solution)
        j.script(solution, "write", "LightGBM", first, 812.3)
        j.script(solution, "write", "kNN", None, problem="ValueError: \x1b[31mno\x1b[0m [bold]rows")
        j.best("rank", solution, "LightGBM", first)
        j.step("merge", solution)
        j.script(solution, "merge", "LightGBM + kNN", first - 400, 801.0)
        j.best("judge_merge", solution, "LightGBM + kNN", first - 400)
        j.step("ablate", solution)
        j.script(solution, "ablate", "ablation study 1", None)
        j.step("extract", solution)
        j.add("node_started", "refine", solution)
        j.script(solution, "refine", "ratios of rooms", first - 900, 790.0)
        j.step("learn", solution)
        j.add("node_started", "refine", solution)
        j.script(solution, "refine", "peeks at the target", 3.0, 1.0, alarm="better than audit")
        j.step("learn", solution)
        j.best("accept", solution, "ratios of rooms", first - 900)
        j.step("accept", solution)
        j.step("finish", solution)
    j.step("ensemble")
    j.script(-1, "ensemble", "blend (mean) of 4 scripts", 51200.0, 770.0, audit_error=1201.0)
    j.best("judge_ensemble", -1, "blend (mean) of 4 scripts", 51200.0)
    j.add("node_started", "submit")
    j.script(-1, "submit", "blend (mean) of 4 scripts", None)
    j.add(
        "run_finished", "submit", source="full", label="blend (mean) of 4 scripts", seconds=118.0,
        trial="-1 blend (mean) of 4 scripts",
        score={"value": 51200.0, "error": 770.0, "audit": 51712.0, "audit_error": 1201.0},
    )  # fmt: skip
    return j.events


def write_run(folder: Path, events: list[dict[str, Any]], **record: Any) -> Path:
    """A run folder with these events."""
    folder.mkdir(parents=True)
    (folder / "solution").mkdir()
    (folder / "submission.csv").write_text("id,price\n", encoding="utf-8")
    values = {
        "mle_star": "0.1.0", "task": "/somewhere/houses", "status": "finished", "seconds": 118.0,
        "started": "2026-01-02T03:04:05+00:00", "best": 51200.0, "settings": SETTINGS,
        "spec": {"name": "houses", "metric": "rmse", "direction": "minimize"},
    }  # fmt: skip
    text = json.dumps({**values, **record})
    (folder / "run.json").write_text(text, encoding="utf-8")
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines, encoding="utf-8")
    return folder
