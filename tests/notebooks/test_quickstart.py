"""The notebook, executed from the first cell to the last by a real kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.scoring import check_submission
from mle_star.tasks import load_task
from tests.notebooks.executing import cell_with, check_quiet, execute, read

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
TASK = ROOT / "examples" / "california-housing"


def test_it_is_committed_without_outputs() -> None:
    for cell in read(NOTEBOOK).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_the_text_promises(tmp_path: Path) -> None:
    """One test, so that parallel workers do not each run the notebook."""
    notebook = read(NOTEBOOK)
    execute(notebook, tmp_path)
    check_quiet(notebook, tmp_path)
    check_submissions(tmp_path / "runs")
    check_first_run(notebook)
    check_stop_before_a_node(notebook)
    check_resumed_run(notebook)
    check_page_about_the_run_folder(tmp_path / "runs")


def check_submissions(folder: Path) -> None:
    """Each of the three runs left a valid submission and its solution."""
    spec = load_task(TASK)
    runs = sorted(folder.iterdir())
    assert len(runs) == 3
    assert [run.name for run in runs[1:]] == ["quickstart", "quickstart-stepwise"]
    for run in runs:
        assert check_submission(spec, run / "submission.csv") is None
        assert len(pd.read_csv(run / "submission.csv")) == len(pd.read_csv(TASK / "test.csv"))
        assert (run / "solution" / "run.py").is_file()


def check_first_run(notebook: Any) -> None:
    """The task as it is read, the scores, the state, its history, the script."""
    assert "rmse minimize" in cell_with(notebook, "load_task(TASK)")
    scores = cell_with(notebook, "graph.invoke(")
    validation, audit = (float(v) for v in re.findall(r"(?:validation|audit) +(\d+) ±", scores))
    assert 0.5 < validation / audit < 2
    assert "next: finished" in cell_with(notebook, "graph.get_state(config)\nprint")
    assert "LightGBM" in cell_with(notebook, "def table")
    history = cell_with(notebook, "get_state_history").strip().splitlines()
    assert "next: prepare" in history[1]
    assert "next: finished" in history[-1]
    assert "# === load ===" in cell_with(notebook, "script.splitlines()")


def check_stop_before_a_node(notebook: Any) -> None:
    """The stream shows events from inside the solution, stops, and goes on to the end."""
    before = cell_with(notebook, "interrupt_before=")
    assert "-> prepare" in before
    assert "ablation study 1" in before
    assert "the next node is ('blend',)" in before
    assert "-> submit" not in before
    after = cell_with(notebook, "graph.stream(None, config")
    assert "-> blend" in after
    assert "'full'" in after


def check_resumed_run(notebook: Any) -> None:
    """The run was stopped and resumed, and its folder is whole."""
    assert "stopped: " in cell_with(notebook, "except RunStopped")
    assert "resumed: True" in cell_with(notebook, "resume(stopped)")
    kinds = cell_with(notebook, "value_counts")
    assert re.search(r"run_stopped +1\b", kinds)
    assert re.search(r"run_finished +1\b", kinds)
    files = cell_with(notebook, "finished.run.iterdir()").split()
    assert {"events.jsonl", "submission.csv", "solution/run.py"} <= set(files)


def check_page_about_the_run_folder(folder: Path) -> None:
    """docs/architecture.md names everything a run leaves, but for two files of the moment."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    [listing] = re.findall(r"^runs/<name>/\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"^  ([\w.]+)", listing, flags=re.MULTILINE))
    for run in folder.iterdir():
        assert {path.name for path in run.iterdir()} - {"lock", "processes.json"} <= named
