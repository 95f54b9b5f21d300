"""The notebook, executed from the first cell to the last by a real kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.scoring import check_submission
from mle_star.tasks import load_task
from tests.notebooks.kernel import kernel_manager

pytest.importorskip("nbclient", reason="extra 'notebook' is not installed")
pytest.importorskip("ipykernel", reason="extra 'notebook' is not installed")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"
TASK = ROOT / "examples" / "california-housing"


def read() -> Any:
    nbformat: Any = pytest.importorskip("nbformat", reason="extra 'notebook' is not installed")
    return nbformat.read(NOTEBOOK, as_version=4)


def text_of(cell: Any) -> str:
    """What a cell printed and showed, as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def cell_with(notebook: Any, source: str) -> str:
    """Output of the one code cell whose source holds a text."""
    [cell] = [c for c in notebook.cells if c.cell_type == "code" and source in c.source]
    return text_of(cell)


def execute(notebook: Any, place: Path) -> None:
    """Run all cells in a kernel whose files and runs lie in ``place``."""
    from nbclient import NotebookClient

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "MLE_STAR_RUNS_DIR": place / "runs",
            "IPYTHONDIR": place / "ipython",
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYTHONPATH": ROOT,
        }.items():
            patch.setenv(name, str(value))
        client = NotebookClient(
            notebook,
            km=kernel_manager(place),
            timeout=300,
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        )
        client.execute(cleanup_kc=True)  # the manager is ours, so we have the kernel ended


def test_it_is_committed_without_outputs() -> None:
    for cell in read().cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_the_text_promises(tmp_path: Path) -> None:
    """One test, so that parallel workers do not each run the notebook."""
    notebook = read()
    execute(notebook, tmp_path)
    check_quiet(notebook, tmp_path)
    check_submissions(tmp_path / "runs")
    check_first_run(notebook)
    check_stop_before_a_node(notebook)
    check_resumed_run(notebook)
    check_page_about_the_run_folder(tmp_path / "runs")


def check_quiet(notebook: Any, place: Path) -> None:
    """No error, no warning, and nobody beyond loopback was spoken to."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
    assert (place / "guard.py").exists()
    assert not (place / "attempts").exists()


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
