"""An engineer whose every answer a test can set, writing real scripts that run in milliseconds.

Its scripts predict ``A * x`` for the task of :func:`tests.support.tasks.slope_task`, so the score
of a script is
known from its ``A``: the closer to 3, the better.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from mle_star.engineer import (
    Brief,
    Extraction,
    LeakageReport,
    MemberView,
    ModelCard,
    Tried,
    UsageReport,
)
from mle_star.errors import NoAnswer

SCRIPT = """import csv
import os

A = {slope}
# note: {note}


def rows(path):
    with open(path) as stream:
        return list(csv.DictReader(stream))


train = rows("input/train.csv")
folds = [int(float(row["fold"])) for row in rows("input/folds.csv")]
test = rows("input/test.csv")
predict = lambda row: A * float(row["x"])
with open("final/oof.csv", "w") as stream:
    stream.write("id,y\\n")
    for row, fold in zip(train, folds):
        if fold >= 0:
            stream.write(row["id"] + "," + repr(predict(row)) + "\\n")
with open("final/submission.csv", "w") as stream:
    stream.write("id,y\\n")
    for row in test:
        stream.write(row["id"] + "," + repr(predict(row)) + "\\n")
print("Final Validation Performance: 0.5")
"""

FOLDS = """import time

for fold in sorted(set(folds)):
    held = [row for row, number in zip(train, folds) if number == fold]
    squares = [(predict(row) - float(row["y"])) ** 2 for row in held]
    print("Fold %d rmse: %r" % (fold, (sum(squares) / len(squares)) ** 0.5), flush=True)
    if A < 2:
        time.sleep(0.5)
"""
"""Lines for each fold, which end a script; one whose ``A`` is bad takes its time."""

ENSEMBLE = """import csv

WEIGHTS = {weights}


def rows(path):
    with open(path) as stream:
        return list(csv.DictReader(stream))


for name in ("oof", "submission"):
    members = [rows("input/members/%d/%s.csv" % (n, name)) for n in range(len(WEIGHTS))]
    with open("final/%s.csv" % name, "w") as stream:
        stream.write("id,y\\n")
        for parts in zip(*members):
            value = sum(w * float(p["y"]) for w, p in zip(WEIGHTS, parts)) / sum(WEIGHTS)
            stream.write(parts[0]["id"] + "," + repr(value) + "\\n")
print("Final Validation Performance: 0.5")
"""

CRASH = "raise RuntimeError('first failure')\n"


def script(slope: float, note: str = "") -> str:
    """A script that predicts ``slope * x``."""
    return SCRIPT.format(slope=slope, note=note)


def slope_of(text: str) -> float:
    """The slope a script predicts with."""
    found = re.search(r"^A = (\S+)$", text, re.MULTILINE)
    assert found, "not one of our scripts"
    return float(found.group(1))


class ScriptedEngineer:
    """Answers every question by a rule.

    ``answers`` overrides any of them, ``calls`` records all.
    """

    def __init__(self, **answers: Callable[..., Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._lock = threading.Lock()

    def _answer(self, name: str, default: Callable[..., Any], *arguments: Any) -> Any:
        with self._lock:
            self.calls.append((name, arguments))
        return self.answers.get(name, default)(*arguments)

    def count(self, name: str) -> int:
        """How often an agent was asked."""
        return sum(1 for called, _ in self.calls if called == name)

    def retrieve(self, brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        def cards(_: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
            slopes = [1.0 + 0.25 * (number * solutions + solution) for number in range(count)]
            return [ModelCard(f"slope {slope}", "fits", f"A = {slope}") for slope in slopes]

        answer: list[ModelCard] = self._answer("retrieve", cards, brief, count, solution, solutions)
        return answer

    def write(self, brief: Brief, card: ModelCard) -> str:
        return str(
            self._answer("write", lambda _, c: script(float(c.name.split()[-1])), brief, card)
        )

    def merge(self, brief: Brief, base: str, reference: str) -> str:
        def average(_: Brief, base: str, reference: str) -> str:
            return script((slope_of(base) + slope_of(reference)) / 2)

        return str(self._answer("merge", average, brief, base, reference))

    def check_usage(self, brief: Brief, text: str) -> UsageReport:
        answer: UsageReport = self._answer(
            "check_usage", lambda *_: UsageReport((), None, "all used"), brief, text
        )
        return answer

    def ablate(self, brief: Brief, text: str, summaries: Sequence[str]) -> str:
        def study(_: Brief, text: str, summaries: Sequence[str]) -> str:
            return f"print('Baseline: 1.0')\nprint('Ablation slope: 2.0')  # {len(summaries)}\n"

        return str(self._answer("ablate", study, brief, text, summaries))

    def summarise(self, brief: Brief, study: str, output: str) -> str:
        return str(
            self._answer("summarise", lambda *_: f"slope matters: {output}", brief, study, output)
        )

    def extract(self, brief: Brief, summary: str, text: str, refined: Sequence[str]) -> Extraction:
        def pick(_: Brief, summary: str, text: str, refined: Sequence[str]) -> Extraction:
            slope = slope_of(text)
            return Extraction(f"A = {slope}\n", f"slope {slope + 0.5}")

        answer: Extraction = self._answer("extract", pick, brief, summary, text, refined)
        return answer

    def plan(self, brief: Brief, text: str, block: str, tried: Sequence[Tried]) -> str:
        def further(_: Brief, text: str, block: str, tried: Sequence[Tried]) -> str:
            return f"slope {slope_of(text) + 0.5 + 0.25 * len(tried)}"

        return str(self._answer("plan", further, brief, text, block, tried))

    def refine(self, brief: Brief, text: str, block: str, plan: str) -> str:
        return str(
            self._answer(
                "refine", lambda _, t, b, p: f"A = {p.split()[-1]}\n", brief, text, block, plan
            )
        )

    def plan_ensemble(
        self, brief: Brief, members: Sequence[MemberView], tried: Sequence[Tried]
    ) -> str:
        def weights(_: Brief, members: Sequence[MemberView], tried: Sequence[Tried]) -> str:
            return f"weights {[1 + (n == len(tried) % len(members)) for n in range(len(members))]}"

        return str(self._answer("plan_ensemble", weights, brief, members, tried))

    def ensemble(self, brief: Brief, plan: str, members: Sequence[MemberView]) -> str:
        def write(_: Brief, plan: str, members: Sequence[MemberView]) -> str:
            return ENSEMBLE.format(weights=plan.removeprefix("weights "))

        return str(self._answer("ensemble", write, brief, plan, members))

    def debug(self, brief: Brief, text: str, error: str) -> str:
        def nothing(*_: Any) -> str:
            raise NoAnswer("this engineer can't repair")

        return str(self._answer("debug", nothing, brief, text, error))

    def check_leakage(self, brief: Brief, text: str, evidence: str = "") -> LeakageReport:
        answer: LeakageReport = self._answer(
            "check_leakage", lambda *_: LeakageReport(False), brief, text, evidence
        )
        return answer

    def fix_leakage(self, brief: Brief, text: str, block: str, reason: str) -> str:
        return str(
            self._answer("fix_leakage", lambda _, t, b, r: "# gone\n", brief, text, block, reason)
        )


current = ScriptedEngineer()


def use(engineer: ScriptedEngineer) -> ScriptedEngineer:
    """Make an engineer the one that the model ``tests.support.engineers:chosen`` names."""
    global current
    current = engineer
    return engineer


def chosen() -> ScriptedEngineer:
    """The engineer that the running test chose."""
    return current


def plain() -> ScriptedEngineer:
    """A fresh engineer with the default answers; for runs in other processes."""
    return ScriptedEngineer()


def dwelling() -> ScriptedEngineer:
    """One that thinks for seconds about a run's first plan, so that it can be stopped there."""

    def refine(_: Brief, text: str, block: str, plan: str) -> str:
        if plan == "slope 1.5":
            time.sleep(3)
        return f"A = {plan.split()[-1]}\n"

    return ScriptedEngineer(refine=refine)
