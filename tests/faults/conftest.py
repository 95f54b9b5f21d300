"""A run that nothing happened to, and one that was stopped half way, for each test to hurt."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.errors import RunStopped
from mle_star.graph.solving import Result, solve
from tests.faults.outcomes import outcome
from tests.support.runs import SMALL
from tests.support.tasks import slope_task

TINY: dict[str, Any] = {
    **SMALL,
    "num_solutions": 2,
    "num_candidates": 1,
    "inner_steps": 1,
    "engineer": "tests.support.engineers:plain",
}


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task that scripts answer in milliseconds."""
    return slope_task(tmp_path_factory.mktemp("tasks") / "slope")


@pytest.fixture
def solved(task: Path) -> Callable[..., Result]:
    """Solve the task below a folder, under the name ``run``."""

    def solve_it(runs: Path, **rest: Any) -> Result:
        return solve(task, context=Context(**TINY, runs_dir=str(runs)), run="run", **rest)

    return solve_it


@pytest.fixture(scope="session")
def undisturbed(task: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Outcome of the run that nothing happened to."""
    runs = str(tmp_path_factory.mktemp("undisturbed"))
    return outcome(solve(task, context=Context(**TINY, runs_dir=runs), run="run"))


@pytest.fixture(scope="session")
def half_way(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after several scripts."""
    runs, pressed = tmp_path_factory.mktemp("half"), list[bool]()

    def stop(event: dict[str, Any]) -> None:
        if not pressed and event["kind"] == "script_finished" and event["phase"] == "refine":
            pressed.append(True)  # a second Ctrl-C would give up at once
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(RunStopped):
        solve(task, context=Context(**TINY, runs_dir=str(runs)), on_event=stop, run="run")
    return runs / "run"


@pytest.fixture
def stopped(half_way: Path, tmp_path: Path) -> Path:
    """A copy of that run, at another path than where it began."""
    return Path(shutil.copytree(half_way, tmp_path / "copied" / "elsewhere"))
