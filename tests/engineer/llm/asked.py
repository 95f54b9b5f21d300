"""The language-model engineer with a scripted model behind it, and tasks to run its scripts on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.engineer.llm import LLMEngineer
from mle_star.models.base import Finish, Reply, Request
from mle_star.scoring import Predictions, Problem, read_predictions, score_predictions
from mle_star.search.base import Page
from tests.engineer.playbook import making
from tests.execution.running import run
from tests.support.adapters import ask
from tests.support.brain import Brain
from tests.support.hostile import TRANSPORT, Hostile
from tests.support.loopback import Turn


@dataclass
class Line:
    """A client without a network; a provider's failures become blocked answers."""

    brain: Brain | Hostile
    requests: list[Request] = field(default_factory=list)

    def call(self, request: Request) -> Reply:
        self.requests.append(request)
        system = "".join(m.text for m in request.messages if m.role == "system")
        turns = [Turn(m.role, m.text) for m in request.messages if m.role != "system"]
        said = ask(self.brain, system, turns, request.schema is not None)
        finish: Finish = "length" if said.kind == "cut_off" else "stop"
        if said.kind in TRANSPORT:
            return Reply("", "fake:model", "refused")
        return Reply(said.text, "fake:model", finish)


class OnePage:
    """A web of one page."""

    name = "tavily"

    def search(self, query: str, limit: int) -> list[Page]:
        return [Page("Small models", "https://docs.example.org/small", "# Ridge\n\nIt works.")]


def engineer(brain: Brain | Hostile) -> LLMEngineer:
    return LLMEngineer(Line(brain), OnePage())


def score(task: making.Task, script: str, folder: Path, members: tuple[Path, ...] = ()) -> float:
    """The harness's score of a script that it runs; fails where the script breaks the contract."""
    predictions = judged(task, script, folder, members)
    assert isinstance(predictions, Predictions), predictions
    found = score_predictions(task.brief.task, task.view, predictions, None)
    assert isinstance(found, dict), found
    return float(found["value"])


def judged(
    task: making.Task,
    script: str,
    folder: Path,
    members: tuple[Path, ...] = (),
    seconds: float = 30.0,
) -> Predictions | Problem | str:
    """What a script predicts, what is wrong with that, or how its run ended."""
    inputs = {"": task.view.folder} | {f"members/{n}": m for n, m in enumerate(members)}
    done = run(script, folder, inputs=inputs, wall_seconds=seconds)
    if done.outcome != "ok":
        return f"{done.outcome}: {done.problem}"
    return read_predictions(task.brief.task, task.view, folder / "final")


def binary(folder: Path) -> making.Task:
    """Probabilities, an id, words, gaps."""
    train, test = making.table(240), making.table(60, seed=5)
    for number, table in enumerate((train, test)):
        table.insert(0, "key", [f"{'ab'[number]}{row}" for row in range(len(table))])
    train["won"] = np.where(making.signal(train) > 1, "yes", "no")
    sample = pd.DataFrame({"key": test["key"], "won": 0.5})
    return making.build(folder, train, test, sample, metric="roc_auc")


def three_classes(folder: Path) -> making.Task:
    """A probability column per class, no id."""
    train, test = making.table(240), making.table(60, seed=5)
    names = np.array(["one", "three", "two"])
    train["result"] = names[np.digitize(making.signal(train), [0.0, 2.0])]
    sample = pd.DataFrame({f"result_{name}": [1 / 3] * len(test) for name in names})
    return making.build(folder, train, test, sample, metric="log_loss")


def labels(folder: Path) -> making.Task:
    """Numeric labels, a single hold-out, no id."""
    train, test = making.table(240), making.table(60, seed=5)
    train["grade"] = np.digitize(making.signal(train), [0.0, 1.0, 3.0]) + 3
    sample = pd.DataFrame({"grade": [4] * len(test)})
    return making.build(folder, train, test, sample, metric="accuracy", folds=1)
