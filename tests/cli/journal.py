"""Made-up runs: their events in order, and a run folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETTINGS = {
    "preset": "quick",
    "engineer": "playbook",
    "num_candidates": 2,
    "num_solutions": 2,
    "outer_steps": 1,
    "inner_steps": 2,
    "ensemble_rounds": 1,
    "time_budget": 120.0,
    "sandbox": "process",
}


PRO, FLASH = "google_genai:gemini-2.5-pro", "google_genai:gemini-2.5-flash"

LEADER = {"lead": "llm", "name": PRO, "why": "", "stands_in": True}
"""The choice of engineer in a run whose language model leads."""


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

    def call(
        self,
        agent: str,
        phase: str,
        solution: int = 0,
        usd: float | None = 0.02,
        tokens: tuple[int, int, int, int] = (4_000, 1_000, 2_500, 1_500),
        **fields: Any,
    ) -> None:
        """A request to a model; ``tokens``: input, cached, output, thinking."""
        names = ("input", "cached", "output", "thinking")
        values = {
            "agent": agent, "phase": phase, "model": PRO, "outcome": "answered", "seconds": 12.5,
            "usd": usd, "tokens": dict(zip(names, tokens, strict=True)),
        }  # fmt: skip
        self.add("model_called", phase, solution, **{**values, **fields})

    def stood_in(self, agent: str, reason: str, solution: int = 0) -> None:
        """The playbook answered in place of the model."""
        self.add("stood_in", agent, solution, agent=agent, reason=reason)

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


def model_run(**settings: Any) -> list[dict[str, Any]]:
    """A run whose language model leads: 7 calls, 2 of them failed, and 2 stand-ins."""
    j = Journal()
    j.add(
        "run_started", "prepare", task="/somewhere/houses", metric="rmse", direction="minimize",
        rows=2400, settings={**SETTINGS, "engineer": "auto", "model": PRO, **settings},
        engineer=LEADER,
    )  # fmt: skip
    j.call("retrieve", "retrieve", usd=0.01, model=FLASH)
    j.call("write", "write", tokens=(4_000, 0, 2_500, 0))
    j.script(0, "write", "LightGBM", 53012.4, 812.3)
    j.best("rank", 0, "LightGBM", 53012.4)
    j.call("ablate", "ablate")
    j.call("debug", "ablate", usd=0.05)
    j.call("plan", "refine", usd=0.0, tokens=(0, 0, 0, 0), outcome="rate", seconds=3.0)
    j.call("plan", "refine", usd=0.0, tokens=(0, 0, 0, 0), outcome="unavailable", seconds=3.0)
    j.stood_in("plan", "the model did not answer \x1b[31mred[/bold]")
    j.stood_in("refine", "the wallet is empty")
    j.call("debug", "refine", solution=1)
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
