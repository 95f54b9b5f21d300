"""docs/python.md: its blocks run, one after the other, as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.report.frames import TRIAL_COLUMNS
from tests.support.tasks import slope_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SMALL = {
    "ENGINEER": "tests.support.engineers:plain",
    "NUM_CANDIDATES": "1",
    "NUM_SOLUTIONS": "1",
    "FOLDS": "2",
    "OUTER_STEPS": "0",
    "ENSEMBLE_ROUNDS": "0",
}


def test_the_page_names_the_columns_there_are() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| `trials_frame`"))
    assert re.findall(r"`(\w+)`", row)[1:] == list(TRIAL_COLUMNS)


@pytest.mark.slow
def test_the_blocks_run(tmp_path: Path) -> None:
    slope_task(tmp_path / "my-task")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) > 6
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **{f"MLE_STAR_{name}": value for name, value in SMALL.items()},
            "MLE_STAR_RUNS_DIR": "runs",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "<Result my-task: finished, rmse" in done.stdout
    assert "There is no setting 'time_budged': did you mean 'time_budget'?" in done.stdout
    assert "best so far:" in done.stdout
