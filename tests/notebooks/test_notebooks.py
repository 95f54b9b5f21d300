"""The notebooks beside the quickstart: each runs, and shows what its text promises.

Their outputs are committed. To write them again after a change::

    UPDATE_GOLDEN=1 .venv/bin/pytest tests/notebooks/test_notebooks.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.executing import ROOT, cell_with, check_quiet, execute, read, text_of

FOLDER = ROOT / "notebooks"
LARGEST = 60_000
"""Bytes of a notebook with its outputs."""


def check_your_own(notebook: Any) -> None:
    assert "searched: tabular regression few rows" in cell_with(notebook, "def with_my_model")
    assert re.search(r"Ridge: \d+ ± \d+, audit \d+", cell_with(notebook, "def with_my_model"))
    asked = re.findall(r"^(\w+) ", cell_with(notebook, "in questions:"), re.MULTILINE)
    assert asked == ["queries", "retrieve", "write", "check_leakage", "check_usage"]
    turned = cell_with(notebook, "class Turner")
    assert re.findall(r"^(ALPHA = \S+)", turned, re.MULTILINE) == [
        "ALPHA = 20.0", "ALPHA = 4.0", "ALPHA = 0.8"
    ]  # fmt: skip
    assert "best: ALPHA = 0.8" in turned


def check_step_through(notebook: Any) -> None:
    assert "extract, propose, refine" in cell_with(notebook, "get_subgraphs")
    first = cell_with(notebook, 'interrupt_before_nodes = ["refine"]')
    assert [line.split()[-1] for line in first.strip().splitlines()][-2:] == [
        "extract",
        "(stopped)",
    ]
    assert "next: ('refine',)" in cell_with(notebook, "def inside")
    assert "def make_features" in cell_with(notebook, "the block to refine")
    second = cell_with(notebook, "update_state(state.config")
    assert "(stopped)" in second
    assert "what it would do next: [" in second
    assert "submit" in cell_with(notebook, "interrupt_before_nodes = []")
    assert "[ratios] Add ratios of counts." in cell_with(notebook, "submission:")


def check_resume_and_fork(notebook: Any) -> None:
    assert "stopped after LightGBM" in cell_with(notebook, "def stop_early")
    assert "resumed: True" in cell_with(notebook, "first = resume(")
    assert "[ratios] Add" not in cell_with(notebook, "first = resume(")
    assert re.search(r"\d s +extract +\S", cell_with(notebook, "steps_of"))
    forked = cell_with(notebook, "second = resume(")
    assert "-fork" in forked
    assert "[ratios] Add ratios of counts." in forked
    assert forked.count("refine") == 2
    assert re.search(r"first +\d+ ±", cell_with(notebook, '"fork", second'))


def check_run_as_data(notebook: Any) -> None:
    assert re.search(r"rmse \d+ ± \d+, audit \d+", cell_with(notebook, "result = solve("))
    assert "LightGBM" in cell_with(notebook, "trials_frame")
    [plot] = [c for c in notebook.cells if c.cell_type == "code" and "def plot" in c.source]
    assert "<svg" in plot.outputs[-1]["data"]["image/svg+xml"]
    assert "standard errors apart" in cell_with(notebook, "gap.describe()")
    changed = cell_with(notebook, "difflib").splitlines()
    assert sum(line.startswith("+") for line in changed) > 3
    assert "script_finished" in cell_with(notebook, "value_counts")
    assert "LightGBM" in cell_with(notebook, "isinstance(event, ScriptFinished)")


CHECKS: dict[str, Callable[[Any], None]] = {
    "your_own": check_your_own,
    "step_through": check_step_through,
    "resume_and_fork": check_resume_and_fork,
    "run_as_data": check_run_as_data,
}


def test_every_notebook_has_its_test() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*CHECKS, "quickstart"}


@pytest.mark.parametrize("name", CHECKS)
def test_its_outputs_are_there_small_and_of_no_machine(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < LARGEST
    notebook = read(path)
    CHECKS[name](notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    shown = "\n".join(map(text_of, cells))
    assert not re.search(r"/(?:tmp|home|root|Users|work)/", shown)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_every_cell_runs_and_shows_what_the_text_promises(name: str, tmp_path: Path) -> None:
    notebook = read(FOLDER / f"{name}.ipynb")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    execute(notebook, tmp_path)
    check_quiet(notebook, tmp_path)
    CHECKS[name](notebook)
    if os.environ.get("UPDATE_GOLDEN"):
        nbformat: Any = pytest.importorskip("nbformat")
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
