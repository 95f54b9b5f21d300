"""Scripts of the built-in engineer for a fuzzed task: they compile, run and are judged."""

from __future__ import annotations

import ast
import random
import sys
import warnings
from pathlib import Path

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.errors import NoAnswer
from mle_star.execution import Execution, Job, Limits, LocalExecutor
from mle_star.scoring import Problem, read_predictions, score_predictions
from tests.fuzz.checking import Task

PACKAGES = frozenset(("numpy", "pandas", "sklearn", "scipy", "lightgbm", "xgboost"))


def brief_of(task: Task) -> Brief:
    """What the engineer is told."""
    search = task.views.search
    return Brief(
        task=task.spec,
        profile=task.profile,
        rows=search.rows,
        test_rows=search.test_rows,
        folds=search.folds,
        files=tuple(sorted(path.name for path in search.folder.iterdir())),
        installed=PACKAGES,
    )


def write_scripts(task: Task) -> dict[str, str]:
    """A script for every model that suits the task; none where the engineer has no answer."""
    engineer, brief = PlaybookEngineer(), brief_of(task)
    scripts = {}
    try:
        cards = engineer.retrieve(brief, 99, 0, 1)
    except NoAnswer:
        return {}
    for card in cards:
        try:
            scripts[card.name] = engineer.write(brief, card)
        except NoAnswer:
            continue
    return scripts


def check_scripts(task: Task, scripts: dict[str, str]) -> None:
    """They compile without a warning, and name the target to the letter."""
    for name, script in scripts.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(script, name, "exec")
        tree = ast.parse(script)
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert set(task.spec.target) <= texts, f"{name} does not name the target"


def run_one(task: Task, scripts: dict[str, str], chance: random.Random, work: Path) -> str:
    """Run one of the scripts on the search view; what came of it.

    Raises:
        AssertionError: the script failed, or its predictions can't be read.
    """
    name = chance.choice(sorted(scripts))
    done = run_script(scripts[name], task.views.search.folder, task.views.search.digest, work)
    reason = done.exception.message if done.exception else done.problem
    kind = done.exception.type if done.exception else done.outcome
    line = scripts[name].splitlines()[(done.exception.line or 1) - 1] if done.exception else ""
    assert done.outcome == "ok", f"{name}: {kind}: {reason[:300]} | {line.strip()}"
    if task.spec.evaluation == "printed":
        return "script ran"
    predictions = read_predictions(task.spec, task.views.search, work / "run" / "final")
    if isinstance(predictions, Problem):
        return f"script without predictions: {predictions}"
    score = score_predictions(task.spec, task.views.search, predictions)
    return f"script without a score: {score}" if isinstance(score, Problem) else "script scored"


def run_script(script: str, data: Path, digest: str, work: Path) -> Execution:
    """Run a script of ours, which needs no cage."""
    executor = LocalExecutor(sys.executable, level="process")
    job = Job(
        script=script,
        folder=work / "run",
        inputs={"": data},
        digest=digest,
        limits=Limits(wall_seconds=120),
    )
    try:
        return executor.submit(job).result(timeout=150)
    finally:
        executor.shutdown()
